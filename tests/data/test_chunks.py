import gc
import itertools
import threading

import h5py
import numpy as np
import pytest
import scipy.sparse as sp
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data import _kernels
from core.data.chunks import cell_chunks, gene_chunks
from core.data.hdf5_arrays import ChunkedHDF5, PlainHDF5, stored_hdf5
from core.data.reading import open_source
from core.data.stored_arrays import SLAB_BYTES
from core.errors import UnreadableFileError
from tests.data.files import (
    change,
    chunk_offset,
    replace,
    small_adata,
    spoil,
    with_layout,
    write_h5ad,
    write_zarr,
)

STORAGES = {
    "in one piece": {},
    "in small chunks": {"chunks": (13, 7)},
    "in a chunk larger than the data": {"chunks": (5000, 5000)},
    "gzip": {"chunks": (50, 11), "compression": "gzip"},
    "gzip and shuffle": {"chunks": (50, 11), "compression": "gzip", "shuffle": True},
    "shuffle alone": {"chunks": (50, 11), "shuffle": True},
    "lzf and shuffle": {"chunks": (64, 9), "compression": "lzf", "shuffle": True},
    "lzf in columns": {"chunks": (5000, 2), "compression": "lzf"},
    "gzip with checksums, left to h5py": {"chunks": (50, 11), "compression": "gzip", "fletcher32": True},
}
ZARRS = {"zarr 2": {"zarr_format": 2}, "zarr 3": {"zarr_format": 3}, "zarr 3 in shards": {"sharded": True}}


def as_dense(source, rows=16, name="X"):
    """A matrix put together from its chunks, cells x genes."""
    matrix = source.matrices[name]
    if matrix.layout == "csc":
        chunks = gene_chunks(source, matrix, rows)
        parts = [sp.csc_matrix((c.data, c.indices, c.indptr), (matrix.n_cells, c.stop - c.start)) for c in chunks]
        return sp.hstack(parts).toarray()
    chunks = cell_chunks(source, matrix, rows)
    parts = [sp.csr_matrix((c.data, c.indices, c.indptr), (c.stop - c.start, matrix.n_genes)) for c in chunks]
    return sp.vstack(parts).toarray()


def read(path, rows=16):
    with open_source(path) as source:
        return as_dense(source, rows)


@pytest.mark.parametrize("layout", ["csr", "csc", "dense"])
@pytest.mark.parametrize("storage", STORAGES.values(), ids=STORAGES)
def test_chunks_of_an_h5ad_hold_what_was_written(tmp_path, layout, storage):
    adata = small_adata()
    path = write_h5ad(tmp_path / "a.h5ad", with_layout(adata, layout), **storage)

    np.testing.assert_array_equal(read(path), adata.X.toarray())


@pytest.mark.parametrize("layout", ["csr", "csc", "dense"])
@pytest.mark.parametrize("how", ZARRS.values(), ids=ZARRS)
def test_chunks_of_a_zarr_hold_what_was_written(tmp_path, layout, how):
    adata = small_adata()
    path = write_zarr(tmp_path / "a.zarr", with_layout(adata, layout), **how)

    np.testing.assert_array_equal(read(path), adata.X.toarray())


INDEX_TYPES = list(itertools.product(["int32", "int64", "uint32"], repeat=2))


@pytest.mark.parametrize("types", INDEX_TYPES, ids=" and ".join)
def test_pointers_and_indices_may_be_of_any_whole_type(tmp_path, types):
    adata = small_adata()
    path = write_h5ad(tmp_path / "a.h5ad", adata, index_dtypes=types, chunks=(40,), compression="gzip", shuffle=True)

    with open_source(path) as source:
        chunk = next(cell_chunks(source, source.matrices["X"]))
        assert (chunk.indptr.dtype, chunk.indices.dtype) == (np.int64, np.int32)
        np.testing.assert_array_equal(as_dense(source), adata.X.toarray())


VALUE_TYPES = ["bool", "uint8", "int16", "uint16", "int32", "int64", "uint64", "float16", "float32", "float64", ">f4"]


@pytest.mark.parametrize("layout", ["csr", "dense"])
@pytest.mark.parametrize("dtype", VALUE_TYPES)
def test_values_may_be_of_any_number_type(tmp_path, layout, dtype):
    adata = small_adata()
    path = write_h5ad(tmp_path / "a.h5ad", with_layout(adata, layout), chunks=(40, 9), compression="gzip", shuffle=True)
    part = "X" if layout == "dense" else "X/data"
    change(path, lambda f: replace(f, part, f[part][()].astype(dtype), chunks=f[part].chunks, compression="gzip"))

    with open_source(path) as source:
        got = next(cell_chunks(source, source.matrices["X"])).data.dtype
        np.testing.assert_array_equal(as_dense(source), adata.X.toarray().astype(dtype))
    widened = {"bool": "uint8", "float16": "float32", ">f4": "float32"}  # what compiled loops cannot take
    assert got == np.dtype(widened.get(dtype, dtype))


@given(seed=st.integers(0, 2**16), rows=st.integers(1, 90), chunk=st.integers(1, 400), shuffle=st.booleans())
@settings(max_examples=25, deadline=None)
def test_chunks_do_not_depend_on_how_cells_and_bytes_are_cut(tmp_path_factory, seed, rows, chunk, shuffle):
    adata = small_adata(n_cells=61, n_genes=12, seed=seed)
    path = tmp_path_factory.mktemp("cut") / "a.h5ad"
    write_h5ad(path, adata, chunks=(chunk,), compression="gzip", shuffle=shuffle)

    with open_source(path) as source:
        chunks = list(cell_chunks(source, source.matrices["X"], rows))
        np.testing.assert_array_equal(as_dense(source, rows), adata.X.toarray())
    assert [c.start for c in chunks] == list(range(0, 61, rows))
    assert [c.stop for c in chunks] == [min(start + rows, 61) for start in range(0, 61, rows)]
    assert all(c.indptr[0] == 0 and c.indptr[-1] == c.data.size == c.indices.size for c in chunks)


def test_an_appended_file_with_chunks_never_written_reads_as_zeros(tmp_path):
    path = write_h5ad(tmp_path / "a.h5ad", with_layout(small_adata(), "dense"))
    for storage in ({"chunks": (16, 8)}, {"chunks": (16, 8), "compression": "gzip"}):

        def edit(file, storage=storage):
            del file["X"]
            file.create_dataset("X", (70, 30), "float32", **storage)[:5, :5] = 3

        want = np.zeros((70, 30), "float32")
        want[:5, :5] = 3
        np.testing.assert_array_equal(read(change(path, edit)), want)


def test_a_chunk_whose_filter_was_left_out_is_taken_as_it_is(tmp_path):
    adata = with_layout(small_adata(), "dense")
    path = write_h5ad(tmp_path / "a.h5ad", adata, chunks=(35, 30), compression="gzip", shuffle=True)
    plain = np.ascontiguousarray(adata.X[:35])
    change(path, lambda f: f["X"].id.write_direct_chunk((0, 0), plain.tobytes(), filter_mask=0b11))

    np.testing.assert_array_equal(read(path), adata.X)


@pytest.mark.parametrize("codec", ["zstd", "blosc"])
def test_filters_that_h5py_lacks_are_decoded_all_the_same(tmp_path, codec):
    from numcodecs import blosc, zstd

    encode = {"zstd": lambda raw: zstd.compress(raw, 3), "blosc": lambda raw: blosc.compress(raw, b"lz4", 5, 1, 0, 4)}
    number = {"zstd": 32015, "blosc": 32001}[codec]
    adata = with_layout(small_adata(), "dense")
    path = write_h5ad(tmp_path / "a.h5ad", adata)

    def edit(file):
        del file["X"]
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((35, 30))
        properties.set_filter(number, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple((70, 30))
        h5py.h5d.create(file.id, b"X", h5py.h5t.IEEE_F32LE, space, properties)
        for top in (0, 35):
            raw = np.ascontiguousarray(adata.X[top : top + 35]).tobytes()
            file["X"].id.write_direct_chunk((top, 0), encode[codec](raw))

    np.testing.assert_array_equal(read(change(path, edit)), adata.X)


def test_a_filter_that_nothing_here_knows_is_named(tmp_path):
    path = write_h5ad(tmp_path / "a.h5ad", small_adata())

    def edit(file):
        values = file["X/data"][()]
        del file["X/data"]
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((50,))
        properties.set_filter(32026, h5py.h5z.FLAG_OPTIONAL, ())
        h5py.h5d.create(file["X"].id, b"data", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple(values.shape), properties)

    with pytest.raises(UnreadableFileError, match=r"/X/data is compressed with blosc2, which is not installed here"):
        read(change(path, edit))


def test_a_repeated_index_adds_up_instead_of_getting_lost(tmp_path):
    path = write_h5ad(tmp_path / "a.h5ad", small_adata(n_cells=3, n_genes=4))

    def edit(file):
        replace(file, "X/indptr", [0, 3, 3, 6])
        replace(file, "X/indices", np.array([2, 0, 2, 3, 1, 0], "int32"))
        replace(file, "X/data", np.array([1, 5, 7, 2, 3, 4], "float32"))

    np.testing.assert_array_equal(read(change(path, edit)), [[5, 0, 8, 0], [0, 0, 0, 0], [4, 3, 0, 2]])


def test_a_sum_of_repeats_may_exceed_the_files_type(tmp_path):
    path = write_h5ad(tmp_path / "a.h5ad", small_adata(n_cells=1, n_genes=4))

    def edit(file):
        replace(file, "X/indptr", [0, 2])
        replace(file, "X/indices", np.array([1, 1], "int32"))
        replace(file, "X/data", np.array([200, 100], "uint8"))

    np.testing.assert_array_equal(read(change(path, edit)), [[0, 300, 0, 0]])


def set_item(part, at, value):
    def edit(file):
        values = file[part][()]
        values[at] = value
        file[part][...] = values

    return edit


DAMAGES = {
    "an index past the last gene": (set_item("X/indices", 5, 30), "an index outside its 30 columns"),
    "a negative index": (set_item("X/indices", 5, -1), "an index outside its 30 columns"),
    "pointers that fall": (set_item("X/indptr", 9, 10**6), "the row pointers of X do not fit 70 rows"),
    "pointers that do not begin at 0": (set_item("X/indptr", 0, 1), "the row pointers of X do not fit"),
    "pointers past the data": (set_item("X/indptr", -1, 10**6), "the row pointers of X do not fit"),
    "values cut off": (lambda f: replace(f, "X/data", f["X/data"][:-4]), "the row pointers of X do not fit"),
    "too few pointers": (lambda f: replace(f, "X/indptr", f["X/indptr"][:-1]), "the row pointers of X do not fit"),
    "indices of fractions": (lambda f: replace(f, "X/indices", f["X/indices"][()] + 0.5), "of type float64"),
}


@pytest.mark.parametrize(("edit", "sentence"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_matrix_is_said_and_not_read(tmp_path, edit, sentence):
    path = change(write_h5ad(tmp_path / "a.h5ad", small_adata()), edit)

    with pytest.raises(UnreadableFileError, match=f"a.h5ad is damaged: .*{sentence}"):
        read(path)


@pytest.mark.parametrize("compression", ["gzip", "lzf"])
def test_a_damaged_chunk_is_said(tmp_path, compression):
    path = write_h5ad(tmp_path / "a.h5ad", small_adata(), chunks=(50,), compression=compression)
    offset = chunk_offset(path, "X/data", 3)
    content = bytearray(path.read_bytes())
    content[offset : offset + 8] = b"\xff" * 8
    path.write_bytes(content)

    with pytest.raises(UnreadableFileError, match=r"a part of /X/data cannot be read. Copy or download"):
        read(path)


def test_damage_that_only_h5py_notices_is_said_too(tmp_path):
    path = write_h5ad(tmp_path / "a.h5ad", small_adata(), chunks=(50,), fletcher32=True)
    spoil(path, chunk_offset(path, "X/data", 3))

    with pytest.raises(UnreadableFileError, match=r"a part of /X/data cannot be read"):
        read(path)


@pytest.mark.parametrize("how", ZARRS.values(), ids=ZARRS)
@pytest.mark.parametrize("part", ["data", "indices"])
def test_a_lost_zarr_chunk_is_not_read_as_zeros(tmp_path, how, part):
    path = write_zarr(tmp_path / "a.zarr", small_adata(), **how)
    (path / "X" / part / ("0" if how.get("zarr_format") == 2 else "c/0")).unlink()

    with pytest.raises(UnreadableFileError, match=rf"1 of \d pieces of X/{part} are missing. Copy the folder again"):
        read(path)


def test_a_damaged_zarr_chunk_is_said(tmp_path):
    path = write_zarr(tmp_path / "a.zarr", small_adata())
    chunk = path / "X/data/c/0"
    chunk.write_bytes(chunk.read_bytes()[:20])

    with pytest.raises(UnreadableFileError, match=r"a.zarr/X/data cannot be read: a chunk is missing or damaged"):
        read(path)


def test_a_file_cut_off_after_it_was_opened_is_said(tmp_path):
    path = write_h5ad(tmp_path / "a.h5ad", small_adata(), chunks=(50,), compression="gzip")
    with open_source(path) as source, path.open("r+b") as file:
        file.truncate(chunk_offset(path, "X/data", 3) + 4)
        with pytest.raises(UnreadableFileError, match="cannot be read"):
            as_dense(source)


@pytest.mark.parametrize("storage", [{}, {"chunks": (50,), "compression": "gzip"}], ids=["plain", "gzip"])
def test_chunks_given_up_early_leave_no_thread_behind(tmp_path, storage):
    path = write_h5ad(tmp_path / "a.h5ad", small_adata(), **storage)
    before = threading.active_count()

    with open_source(path) as source:
        chunks = cell_chunks(source, source.matrices["X"], rows=4)
        next(chunks)
        chunks.close()
        for _ in cell_chunks(source, source.matrices["X"], rows=4):
            break  # given up without a word
        gc.collect()

    assert threading.active_count() == before


def test_reading_runs_ahead_by_two_chunks_and_no_more(tmp_path, monkeypatch):
    path = write_h5ad(tmp_path / "a.h5ad", small_adata(), chunks=(50,))
    reads = []
    plain = ChunkedHDF5.read
    monkeypatch.setattr(ChunkedHDF5, "read", lambda self, a, b: reads.append((a, b)) or plain(self, a, b))

    with open_source(path) as source:
        chunks = cell_chunks(source, source.matrices["X"], rows=4)
        next(chunks)
        reads_of_chunks = len([r for r in reads if r[1]]) - 1  # but for the pointers
        assert reads_of_chunks <= 2 * 3  # data and indices of the one held and two ahead
        chunks.close()


def test_tall_dense_chunks_are_decoded_once(tmp_path, monkeypatch):
    path = write_h5ad(tmp_path / "a.h5ad", with_layout(small_adata(), "dense"), chunks=(70, 6), compression="gzip")
    decoded = []
    plain = ChunkedHDF5._decode
    monkeypatch.setattr(ChunkedHDF5, "_decode", lambda self, n, out: decoded.append(n) or plain(self, n, out))

    read(path, rows=8)

    assert sorted(decoded) == [0, 1, 2, 3, 4]


def test_chunks_over_a_boundary_are_decoded_once(tmp_path, monkeypatch):
    path = write_h5ad(tmp_path / "a.h5ad", small_adata(), chunks=(40,), compression="gzip")
    decoded = []
    plain = ChunkedHDF5._decode
    monkeypatch.setattr(
        ChunkedHDF5, "_decode", lambda self, n, out: decoded.append((id(self), n)) or plain(self, n, out)
    )

    read(path, rows=5)

    assert len(decoded) == len(set(decoded))


def test_a_matrix_is_read_only_the_way_it_is_stored(tmp_path):
    for layout, chunks in (("csr", gene_chunks), ("dense", gene_chunks), ("csc", cell_chunks)):
        path = write_h5ad(tmp_path / f"{layout}.h5ad", with_layout(small_adata(), layout))
        with open_source(path) as source, pytest.raises(ValueError, match="stored by"):
            next(chunks(source, source.matrices["X"]))


def test_layers_and_raw_are_read_like_x(tmp_path):
    adata = small_adata()
    adata.layers["counts"] = adata.X.copy()
    adata.raw = adata
    narrow = adata[:, :10].copy()
    narrow.X = narrow.X.log1p()
    path = write_h5ad(tmp_path / "a.h5ad", narrow)

    with open_source(path) as source:
        np.testing.assert_array_equal(as_dense(source, name="raw"), adata.X.toarray())
        np.testing.assert_array_equal(as_dense(source, name="layers/counts"), adata.X.toarray()[:, :10])


def test_a_matrix_without_any_value_gives_empty_chunks(tmp_path):
    adata = small_adata()
    adata.X = sp.csr_matrix(adata.shape, dtype="float32")
    path = write_h5ad(tmp_path / "a.h5ad", adata)

    assert not read(path).any()


def test_compressed_datasets_are_read_outside_h5py_and_odd_ones_through_it(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        fast = file.create_dataset("fast", data=np.arange(9), chunks=(4,), compression="gzip")
        odd = file.create_dataset("odd", data=np.arange(9), chunks=(4,), fletcher32=True)
        assert isinstance(stored_hdf5(fast, 0), ChunkedHDF5)
        assert isinstance(stored_hdf5(odd, 0), PlainHDF5)
    with h5py.File(tmp_path / "b.h5", "w", userblock_size=512) as file:
        shifted = file.create_dataset("shifted", data=np.arange(9))
        assert isinstance(stored_hdf5(shifted, 0), PlainHDF5)  # its offsets do not count from the file's start


@given(data=st.binary(max_size=3000), repeats=st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_lzf_is_undone_as_h5py_does(tmp_path_factory, data, repeats):
    values = np.frombuffer(data * repeats, np.uint8)
    if not values.size:
        return
    path = tmp_path_factory.mktemp("lzf") / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=values, chunks=values.shape, compression="lzf")
        mask, raw = file["x"].id.read_direct_chunk((0,))
    if mask:  # h5py stores as it is what does not shrink
        return
    out = np.empty_like(values)

    assert _kernels.lzf_decompress(np.frombuffer(raw, np.uint8), out) == values.size
    np.testing.assert_array_equal(out, values)


@given(raw=st.binary(min_size=1, max_size=200), room=st.integers(0, 300))
@settings(max_examples=100, deadline=None)
def test_damaged_lzf_never_writes_outside(raw, room):
    guarded = np.full(room + 64, 7, np.uint8)

    _kernels.lzf_decompress(np.frombuffer(raw, np.uint8), guarded[32 : 32 + room])

    assert (guarded[:32] == 7).all()
    assert (guarded[32 + room :] == 7).all()


@pytest.mark.parametrize("size", [2, 4, 8])
def test_shuffle_is_undone(size):
    values = np.random.default_rng(0).integers(0, 2**16, 1001).astype(f"u{size}")
    shuffled = np.ascontiguousarray(values.view(np.uint8).reshape(-1, size).T).reshape(-1)
    out = np.empty_like(values)

    {2: _kernels.unshuffle2, 4: _kernels.unshuffle4, 8: _kernels.unshuffle8}[size](shuffled, out)

    np.testing.assert_array_equal(out, values)


def test_a_matrix_in_columns_too_tall_to_keep_is_read_in_slabs(tmp_path, monkeypatch):
    adata = with_layout(small_adata(), "dense")
    for module in ("chunks", "hdf5_arrays", "zarr_arrays"):
        monkeypatch.setattr(f"core.data.{module}.SLAB_BYTES", 20 * 30 * 4)  # 20 rows of 70
    assert SLAB_BYTES > 1 << 20
    for path in (
        write_h5ad(tmp_path / "a.h5ad", adata, chunks=(70, 6), compression="gzip"),
        write_zarr(tmp_path / "a.zarr", adata),
    ):
        np.testing.assert_array_equal(read(path, rows=8), adata.X)


def test_a_zarr_with_its_own_chunks_is_read_across_their_borders(tmp_path):
    adata = small_adata()
    path = write_zarr(tmp_path / "a.zarr", adata)
    root = zarr.open_group(path, mode="r+", use_consolidated=False)
    for part in ("data", "indices"):
        values = root["X"][part][...]
        del root["X"][part]
        root["X"].create_array(part, data=values, chunks=(37,))

    np.testing.assert_array_equal(read(path, rows=3), adata.X.toarray())
