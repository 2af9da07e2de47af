"""The command line: ``python -m core VERB``; ``python -m core VERB --help`` tells each verb's options."""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core import __version__
from core.errors import (
    DamagedStoreError,
    OptionError,
    PerturbscopeError,
    UnknownGeneError,
    UnknownTargetError,
    UnreadableFileError,
)
from core.schema import ALL_PERTURBED, Values
from core.settings import settings

LOG_SCALE = {"scale": "log-normalized"}
EXIT_ERROR = 1
EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code. A :class:`PerturbscopeError`, or what the system says, becomes a line on stderr."""
    args = _parser().parse_args(argv)
    if args.data_root is not None:
        os.environ["PERTURBSCOPE_DATA_ROOT"] = str(args.data_root)
        settings.cache_clear()
    run: Callable[[argparse.Namespace], None] = args.run
    try:
        run(args)
    except PerturbscopeError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_ERROR
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_ERROR
    except OSError as error:  # a name that is too long, a place where nothing can be made
        print(f"error: {error}", file=sys.stderr)
        return EXIT_ERROR
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


# --- verbs -----------------------------------------------------------------------------------------------------------


def _demo(args: argparse.Namespace) -> None:
    from core.data.synthetic import write_demo
    from core.jobs.progress import reporter

    if args.out.exists() and not _is_simulated(args.out):
        raise OptionError(f"{args.out} is there and no simulated screen; choose another name for the demo.")
    truth = write_demo(args.out, args.cells, args.genes, args.targets, args.seed, reporter())
    print(f"simulated screen: {args.out}\ntruth: {truth}")


def _build(args: argparse.Namespace) -> None:
    from core.data.subsets import subset_words

    study = _study(args, remember=True)
    for role, read_from in zip(study.evidence["role"], study.evidence["read_from"], strict=True):
        if role not in ("values", "size factors", "genes"):
            print(f"{role}: {read_from}")
    print(f"scale: {study.roles.values}")
    if study.roles.subset:
        print(f"subset: {subset_words(study.roles.subset)}, {study.n_cells:,} cells")
    for row in study.evidence.itertuples():
        print(f"  {row.role}: {row.read_from} ({row.evidence})", file=sys.stderr)
    for note in study.notes:
        print(f"note: {note}", file=sys.stderr)
    for reason, n in study.left_out.items():
        print(f"left out: {n:,} cells, {reason}", file=sys.stderr)
    print(f"id: {study.id}")


def _stats(args: argparse.Namespace) -> None:
    from core.views.field_tables import gene_statistics

    study = _study(args)
    if study.has_counts:
        _write_csv(gene_statistics(study, "counts"), args.out / "gene_statistics.csv")
    else:
        print("note: the file holds no counts; gene_statistics.csv is not written", file=sys.stderr)
    _write_csv(gene_statistics(study, "log-normalized"), args.out / "gene_statistics_log_normalized.csv")
    _write_plots(study, None, args.out / "plots", {"gene_mean_distribution": {} if study.has_counts else LOG_SCALE})


def _delta(args: argparse.Namespace) -> None:
    from core.views.field_tables import TOP, delta_table

    study = _study(args)
    target = _target(study, args.target)
    table = delta_table(study, target, args.scale)
    plain = table.drop(columns="ctrl_nonzero_fraction")
    _write_csv(plain, args.out / "gene_delta_all_sorted.csv")
    _write_csv(plain.head(TOP), args.out / "gene_delta_top50.csv")
    _write_csv(table, args.out / "gene_delta_with_nonzero_fraction.csv")
    scale = {"scale": args.scale}
    _write_plots(study, target, args.out / "plots", {"scatter": scale, "top_deltas": {}})


def _effects(args: argparse.Namespace) -> None:
    from core.store.files import refuse_source, unfinished_file
    from core.views.field_tables import effect_table

    study = _study(args)
    refuse_source(args.out, study.path)
    if args.out.suffix == ".csv":
        if args.target is None:
            raise OptionError("A CSV holds one target's effects: add --target NAME, or write all of them to X.h5ad.")
        _write_csv(effect_table(study, _target(study, args.target)), args.out)
    elif args.out.suffix == ".h5ad":
        if args.target is not None:
            raise OptionError("An .h5ad holds the effects of all targets: leave out --target, or write X.csv.")
        with unfinished_file(args.out) as temporary:
            shutil.copyfile(study.effects_path, temporary)
        print(args.out)
    else:
        raise OptionError(f"{args.out} should end in .h5ad (all targets) or .csv (one target).")


def _similarity(args: argparse.Namespace) -> None:
    from core.figures.export import table_bytes
    from core.store.files import refuse_source, unfinished_file
    from core.store.sweep import worker_threads
    from core.views.similar import similarity_table

    study = _study(args)
    refuse_source(args.out, study.path)
    kind = args.out.suffix.removeprefix(".")
    if kind not in ("csv", "parquet"):
        raise OptionError(f"{args.out} should end in .csv or .parquet.")
    content = table_bytes(similarity_table(study, worker_threads(settings().threads)), kind)
    with unfinished_file(args.out) as temporary:
        temporary.write_bytes(content)
    print(args.out)


def _preprocess(args: argparse.Namespace) -> None:
    from core.jobs.progress import reporter
    from core.store.preprocess import preprocess
    from core.store.sweep import worker_threads

    study = _study(args)
    threads = worker_threads(settings().threads)
    n = preprocess(study, args.out, n_top_genes=args.num_hvgs, threads=threads, report=reporter())
    print(f"{args.out}: {study.n_cells:,} cells, {study.n_genes:,} genes, {n:,} highly variable")


def _export(args: argparse.Namespace) -> None:
    from core.figures import figure_named
    from core.figures.export import export_figure, figure_data_bytes
    from core.store.files import refuse_source, unfinished_file
    from core.views.subjects import OF_ONE_GENE, view_of

    study = _study(args)
    outs = [path for path in (args.out, args.data, args.methods) if path]
    for path in outs:
        refuse_source(path, study.path)
    if len({path.absolute() for path in outs}) < len(outs):
        raise OptionError("--out, --data and --methods name the same file; give each its own.")
    figure = figure_named(args.figure)
    genes = [_gene(study, gene) for gene in args.gene]
    view = view_of(study, figure.subject, _asked(study, args, genes, args.target))
    options = dict(_option(text) for text in args.option)
    known = [name for name, _ in figure.options]
    for name in options:
        if name not in known:
            choice = f"it has {', '.join(known)}" if known else "it has none"
            raise OptionError(f"The figure {figure.name} has no option {name!r}: {choice}.")
    highlight = () if figure.subject in OF_ONE_GENE else tuple(genes)
    rendered = export_figure(
        figure.name, view, format=args.format, width_mm=args.width_mm, shape=args.shape, dpi=args.dpi,
        highlight=highlight, **options,
    )  # fmt: skip
    written = [(args.out, rendered)]
    if args.data:
        kind = {".parquet": "parquet", ".xlsx": "xlsx"}.get(args.data.suffix, "csv")
        written.append((args.data, figure_data_bytes(figure.name, view, kind, **options)))
    if args.methods:
        written.append((args.methods, (figure.methods(view, **options) + "\n").encode()))
    for path, content in written:
        with unfinished_file(path) as temporary:
            temporary.write_bytes(content)
        print(path)


def _pathways(args: argparse.Namespace) -> None:
    from core.store.files import refuse_source
    from core.views.pathways import as_one_table
    from core.views.subjects import Asked, view_of

    study = _study(args)
    refuse_source(args.out, study.path)
    view = view_of(study, "pathways", Asked(args.target and _target(study, args.target), gmt=args.gmt))
    for note in (view.about, *view.notes):
        print(f"note: {note}", file=sys.stderr)
    _write_csv(as_one_table(view), args.out)


def _target_report(args: argparse.Namespace) -> None:
    from core.data.gene_sets import SMALL_PANEL
    from core.figures.report import Origin, report_html
    from core.figures.report_sections import sections_of
    from core.store import gene_sets, notebook
    from core.store.files import refuse_source, unfinished_file
    from core.views.subjects import SUBJECTS, Asked

    study = _study(args)
    refuse_source(args.out, study.path)
    fitting = gene_sets.first_that_fits(study) if study.n_genes >= SMALL_PANEL else None
    gmt = args.gmt or (fitting.id if fitting else None)
    asked = Asked(_target(study, args.target), gmt=gmt)
    subjects = ("perturbation", *(["pathways"] if gmt else []), "cell_state", "responders")
    made = {subject: SUBJECTS[subject].make(study, asked) for subject in subjects}
    view = made["perturbation"]
    sections = sections_of(made.get("pathways"), made["cell_state"], made["responders"])
    note = notebook.note(study, view.target)
    origin = Origin(file=study.path.name, roles=study.roles.to_dict(), note=note.text if note else "")
    with unfinished_file(args.out) as temporary:
        temporary.write_text(report_html(view, origin, sections), encoding="utf-8")
    print(args.out)


def _panel(args: argparse.Namespace) -> None:
    from core.figures import figure_named
    from core.figures.panel import Part, panel_bytes, panel_data_zip, panel_methods
    from core.store.files import refuse_source, unfinished_file
    from core.views.subjects import OF_ONE_GENE, view_of

    study = _study(args)
    outs = [path for path in (args.out, args.data, args.methods) if path]
    for path in outs:
        refuse_source(path, study.path)
    if len({path.absolute() for path in outs}) < len(outs):
        raise OptionError("--out, --data and --methods name the same file; give each its own.")
    parts = []
    for text in args.figure:
        name, _, about = text.partition(":")
        figure = figure_named(name)
        of_gene = figure.subject in OF_ONE_GENE
        genes = [_gene(study, gene) for gene in ([about] if of_gene and about else args.gene)]
        target = args.target if of_gene else about or args.target
        view = view_of(study, figure.subject, _asked(study, args, genes, target))
        parts.append(Part(name, view, {} if of_gene or not genes else {"highlight": tuple(genes)}, args.shape))
    content = panel_bytes(parts, format=args.format, width_mm=args.width_mm, columns=args.columns, dpi=args.dpi)
    written = [(args.out, content)]
    if args.data:
        written.append((args.data, panel_data_zip(parts)))
    if args.methods:
        written.append((args.methods, f"{panel_methods(parts)}\n".encode()))
    for path, content in written:
        with unfinished_file(path) as temporary:
            temporary.write_bytes(content)
        print(path)


def _store(args: argparse.Namespace) -> None:
    from core.store import list_studies, open_study

    if args.all == (args.file is not None):
        raise OptionError(f"Say which study to {args.what}: a FILE, an id, or --all.")
    names = [record.id for record in list_studies() if record.state != "unbuilt"] if args.all else [args.file]
    if args.what != "verify":
        _tidy(names if args.all else [open_study(args.file).id], remove=args.what == "prune")
        return
    failed = 0
    for name in names:
        try:
            study = open_study(name)
            study.verify()
            print(f"{study.name} ({study.id}): all checksums right")
        except DamagedStoreError as error:
            failed += 1
            print(f"{name}: {error}")
    if failed:
        raise OptionError(f"{failed} of {len(names)} studies cannot be read as stored; see above.")


def _tidy(ids: Sequence[str], *, remove: bool) -> None:
    from core.store import list_studies, prune, sizes
    from core.views.text import plural

    for record in list_studies():
        if record.id not in ids:
            continue
        if remove:
            said = f"{prune(record.id) / 1e6:,.0f} MB of tables removed; they are made again on demand"
        else:
            found = sizes(record.id)
            said = f"{found.values / 1e6:,.0f} MB values, {found.tables / 1e6:,.0f} MB tables"
            if found.n_others:
                said += f", {found.others / 1e6:,.0f} MB tables of {plural(found.n_others, 'other choice')}"
        print(f"{record.name} ({record.id}): {said}")


def _doctor(args: argparse.Namespace) -> None:
    from core.doctor import report, warm

    if args.warm:
        warm()
    print(report())


def _jobs(args: argparse.Namespace) -> None:
    from core.jobs import queue

    if args.what == "list":
        for job in queue.jobs():
            progress = f"  {job.progress}" if job.progress and job.is_live else ""
            print(f"{job.id}  {job.state:<9}  {job.title}{progress}{'  ' + job.error if job.error else ''}")
    elif args.id is None:
        raise OptionError(f"Say which job: python -m core jobs {args.what} ID (see python -m core jobs list).")
    elif args.what == "cancel":
        print(queue.cancel(args.id))
    else:
        print(queue.log(args.id))


def _worker(args: argparse.Namespace) -> None:
    from core.jobs import worker

    worker.main(args.idle)


# --- what verbs share ------------------------------------------------------------------------------------------------


def _study(args: argparse.Namespace, *, remember: bool = False) -> Any:
    from core.jobs.progress import die_with_parent, reporter
    from core.store import build_study, open_study

    die_with_parent()
    if Path(args.file).exists() or not (overrides := _overrides(args)).keys() <= {"subset"}:
        return build_study(args.file, report=reporter(), remember=remember, **_overrides(args))
    study = open_study(args.file)
    return build_study(study.path, report=reporter(), **overrides) if overrides else study


def _overrides(args: argparse.Namespace) -> dict[str, Any]:
    from core.data.subsets import subset_from_options

    chosen = {
        "subset": subset_from_options(args.subset) if args.subset else None,
        "target_col": args.target_col,
        "control": tuple(args.control) if args.control else None,
        "guide_col": args.guide_col,
        "batch_col": args.batch_col,
        "stratum_col": args.stratum_col,
        "size_factors": args.size_factors,
        "values": Values(args.values) if args.values else None,
        "matrix": args.matrix,
        "symbol_col": args.symbol_col,
    }
    return {name: value for name, value in chosen.items() if value is not None}


def _is_simulated(path: Path) -> bool:
    from core.data.reading import open_source

    try:
        with open_source(path) as source:
            return bool(source.uns_simulated)
    except UnreadableFileError:
        return False


def _target(study: Any, name: str | None) -> str:
    if name is None:
        return ALL_PERTURBED
    found: str | None = study.find_target(name)
    if found is None:
        raise UnknownTargetError(name, study.targets.index, study.roles.target_col)
    return found


def _gene(study: Any, name: str) -> str:
    from core.data.gene_names import is_gene_name

    found: str | None = study.find_gene(name)
    if found is None:
        raise UnknownGeneError(name, study.genes.index, is_gene=is_gene_name(name))
    return found


def _asked(study: Any, args: argparse.Namespace, genes: Sequence[str], target: str | None) -> Any:
    """What a command names for a figure, in the study's own names."""
    from core.views.subjects import Asked

    target, beside = (name and _target(study, name) for name in (target, args.beside))
    return Asked(target, beside, tuple(genes), args.other, args.gmt)


def _write_csv(table: Any, path: Path) -> None:
    from core.figures.export import without_formulas
    from core.store.files import unfinished_file

    with unfinished_file(path) as temporary:  # a gene of a file must not run in a spreadsheet, as in the page's tables
        without_formulas(table).to_csv(temporary, index=False)
    print(path)


def _write_plots(study: Any, target: str | None, folder: Path, figures: dict[str, dict[str, Any]]) -> None:
    from core.figures import figure_named
    from core.figures.export import export_figure
    from core.store.files import unfinished_file
    from core.views import perturbation_view, study_view

    for name, options in figures.items():
        subject = figure_named(name).subject
        view = study_view(study) if subject == "study" else perturbation_view(study, _target(study, target))
        for kind in ("svg", "png"):
            path = folder / f"{name}.{kind}"
            content = export_figure(name, view, format=kind, width_mm=114, **options)
            with unfinished_file(path) as temporary:
                temporary.write_bytes(content)
            print(path)


def _option(text: str) -> tuple[str, Any]:
    name, given, value = text.partition("=")
    if not given:
        raise OptionError(f"--option {text!r} should read NAME=VALUE, for example scale=counts.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _add_subject_options(parser: argparse.ArgumentParser) -> None:
    """What figures are of, beside a target."""
    parser.add_argument("--with", dest="beside", metavar="TARGET", help="the second target of the figure pair")
    parser.add_argument("--other", metavar="FILE", help="the second study of the figure studies")
    parser.add_argument("--gmt", help="gene sets of a figure of pathways: a GMT, or a collection that is kept")
    parser.add_argument(
        "--gene", action="append", default=[], help="the gene of a gene's figure, or one to highlight; may be repeated"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m core", description="Perturbscope: Perturb-seq screens, gene by gene.")
    parser.add_argument("--version", action="version", version=f"perturbscope {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    root = argparse.ArgumentParser(add_help=False)
    root.add_argument("--data-root", type=Path, help="folder of studies, runs and jobs (PERTURBSCOPE_DATA_ROOT)")
    roles = argparse.ArgumentParser(add_help=False, parents=[root])
    roles.add_argument("file", metavar="FILE", help="an AnnData file (h5ad, h5, zarr), or the id or name of a study")
    group = roles.add_argument_group("roles, where they are not read right")
    group.add_argument("--target-col", help="obs column that names each cell's target")
    group.add_argument("--control", action="append", help="control label of that column; may be repeated")
    group.add_argument("--guide-col", help="obs column of the guide, or none")
    group.add_argument("--batch-col", help="obs column of the batch, or none")
    group.add_argument("--stratum-col", help="obs column of cell type or condition, or none")
    group.add_argument("--size-factors", help="all, no-dominant or obs:COLUMN", metavar="RECIPE")
    group.add_argument("--values", choices=[str(v) for v in Values], help="what the matrix holds")
    group.add_argument("--matrix", help="X, raw or layers/NAME")
    group.add_argument("--symbol-col", help="var column of gene symbols")
    roles.add_argument(
        "--subset", action="append", metavar="COL=VALUE[,VALUE]",
        help="only the cells with these labels in an obs column; may be repeated; %%2C is a comma in a label",
    )  # fmt: skip

    def verb(name: str, run: Callable[[argparse.Namespace], None], text: str, *parents: Any) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=text, description=text, parents=list(parents or (root,)))
        sub.set_defaults(run=run)
        return sub

    demo = verb("demo", _demo, "write the simulated screen and its truth")
    demo.add_argument("out", type=Path, metavar="OUT.h5ad")
    for option, size in (("--cells", 12_000), ("--genes", 2_000), ("--targets", 40), ("--seed", 0)):
        demo.add_argument(option, type=int, default=size, help=f"default {size}")
    verb("build", _build, "build a study and say how its roles were read", roles)
    stats = verb("stats", _stats, "write gene statistics over all cells", roles)
    stats.add_argument("--out", type=Path, required=True, metavar="DIR")
    delta = verb("delta", _delta, "write control against perturbed means, largest deltas first", roles)
    delta.add_argument("--out", type=Path, required=True, metavar="DIR")
    delta.add_argument("--target", help="one target; default all perturbed cells together")
    delta.add_argument("--scale", choices=["counts", "log-normalized"], default="counts")
    effects = verb("effects", _effects, "write effects and tests: all targets (.h5ad) or one (.csv)", roles)
    effects.add_argument("--out", type=Path, required=True, metavar="X.h5ad|X.csv")
    effects.add_argument("--target")
    similarity = verb("similarity", _similarity, "write the correlation of all pairs of targets", roles)
    similarity.add_argument("--out", type=Path, required=True, metavar="X.csv|X.parquet")
    preprocess = verb("preprocess", _preprocess, "write log-normalized X, variable genes and X_hvg", roles)
    preprocess.add_argument("out", type=Path, metavar="OUT.h5ad")
    preprocess.add_argument("--num-hvgs", type=int, default=2000)
    export = verb("export", _export, "write one figure for paper", roles)
    export.add_argument("--figure", required=True)
    export.add_argument("--target")
    _add_subject_options(export)
    export.add_argument("--format", choices=["svg", "pdf", "png"], required=True)
    export.add_argument("--width-mm", type=float, default=85)
    export.add_argument("--shape", choices=["wide", "square", "tall"], default="square")
    export.add_argument("--dpi", type=int, default=300)
    export.add_argument("--option", action="append", default=[], help="option of the figure, NAME=VALUE", metavar="N=V")
    export.add_argument("--out", type=Path, required=True)
    export.add_argument("--data", type=Path, help="also the data behind it, .csv, .xlsx or .parquet")
    export.add_argument("--methods", type=Path, help="also the methods sentence")
    pathways = verb("pathways", _pathways, "write which gene sets a target moves", roles)
    pathways.add_argument("--target", help="one target; default all perturbed cells together")
    pathways.add_argument("--gmt", required=True, help="a GMT file, or a collection that is kept")
    pathways.add_argument("--out", type=Path, required=True, metavar="X.csv")
    panel = verb("panel", _panel, "write several figures with letters as one for paper", roles)
    panel.add_argument("--figure", action="append", required=True, metavar="NAME[:TARGET|GENE]", help="may be repeated")
    panel.add_argument("--target", help="where a figure names none")
    _add_subject_options(panel)
    panel.add_argument("--format", choices=["svg", "pdf", "png"], required=True)
    panel.add_argument("--width-mm", type=float, default=174)
    panel.add_argument("--columns", type=int, default=2)
    panel.add_argument("--shape", choices=["wide", "square", "tall"], default="square")
    panel.add_argument("--dpi", type=int, default=300)
    panel.add_argument("--out", type=Path, required=True)
    panel.add_argument("--data", type=Path, metavar="X.zip", help="also the data behind it, one table a letter")
    panel.add_argument("--methods", type=Path, help="also the methods sentences")
    report = verb("target-report", _target_report, "write all that is known of a target as one HTML file", roles)
    report.add_argument("--target", help="default all perturbed cells together")
    report.add_argument("--gmt", help="gene sets of its pathways; default the first that are kept and fit")
    report.add_argument("--out", type=Path, required=True, metavar="X.html")
    store = verb("store", _store, "check, measure or tidy the studies that are kept")
    store.add_argument(
        "what",
        choices=["verify", "sizes", "prune"],
        help="check all checksums; say what lies on the disk; remove tables of other choices, made again on demand",
    )
    store.add_argument("file", nargs="?", metavar="FILE")
    store.add_argument("--all", action="store_true")
    doctor = verb("doctor", _doctor, "say what this installation has and lacks")
    doctor.add_argument("--warm", action="store_true", help="compile the kernels first")
    jobs = verb("jobs", _jobs, "list, cancel or read background jobs")
    jobs.add_argument("what", choices=["list", "cancel", "log"])
    jobs.add_argument("id", nargs="?")
    worker = verb("worker", _worker, "run queued jobs until there are none")
    worker.add_argument("--idle", type=float, help="seconds to wait for another job")
    return parser


if __name__ == "__main__":
    sys.exit(main())
