"""Write docs/performance.md and its plot from what the other scripts measured; ``make bench-vcc``."""

import json
import os
import platform
from statistics import median
from typing import Any

import altair as alt
import pandas as pd
import vl_convert
from common import ROOT, WORK

DOCS = ROOT / "docs"
PARTS = {"turn": "turn", "sweep": "sweep", "total": "whole build"}


def read(name: str) -> dict[str, Any]:
    """Results of one script, nothing where it did not run."""
    path = WORK / f"{name}.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def table(head: str, rows: list[str]) -> str:
    """A table in Markdown."""
    columns = head.count("|") + 1
    return "\n".join([f"| {head} |", "|" + "---|" * columns, *(f"| {row} |" for row in rows)])


def building(sizes: dict[str, Any]) -> str:
    """Turn, sweep and whole build beside the prototypes."""
    rows = []
    for found in sizes.values():
        both = found["proto_turn"] + found["proto_sweep"]
        cold = f"{found['total_cold']:.1f} s" if "total_cold" in found else "not measured"
        read_cold = f", cold {found['read_cold']:.1f} s" if "read_cold" in found else ""
        rows.append(
            f"{found['cells']:,} | {found['read']:.1f} s{read_cold} | {found['turn']:.1f} s "
            f"({found['turn'] / found['proto_turn']:.2f}x) | {found['sweep']:.1f} s "
            f"({found['sweep'] / found['proto_sweep']:.2f}x) | {found['total']:.1f} s ({found['total'] / both:.2f}x); "
            f"cold {cold} | {found['gigabytes']:.2f} GB | {1e9 * found['total'] / nonzeros(found):.0f} ns"
        )
    head = "cells | reading it | turn (x prototype) | sweep (x prototype) | whole build (x both) | memory | a non-zero"
    return table(head, rows)


def nonzeros(found: dict[str, Any]) -> float:
    """About how many counts are stored: 8 bytes each in the uncompressed file."""
    return float(found["bytes"]) / 8


def asking(sizes: dict[str, Any]) -> str:
    """What a built study answers, and what it takes on the disk."""
    rows = []
    for found in sizes.values():
        copied = f"{found['preprocess'] / found['cp']:.1f}x cp" if "preprocess" in found else "not run (disk)"
        rows.append(
            f"{found['cells']:,} | {found['open']:.2f} s | {found['gene_warm_median']:.1f} ms, p95 "
            f"{found['gene_warm_p95']:.1f} ms | {found['values_share']:.1%} | {found['tables_share']:.1%} | {copied}"
        )
    head = "cells | open and one target | one gene's values | values / source | tables / source | preprocess"
    return table(head, rows)


def layouts(inputs: dict[str, Any]) -> str:
    """The same screen in other layouts and types."""
    rows = [
        f"{name} | {found['seconds']:.1f} s | {found['ratio']:.2f}x | {found['delta']:.1e} | {found['auc']:.1e}"
        for name, found in inputs.items()
    ]
    return table("file | build | beside CSR | largest difference of a delta | of an AUC", rows)


def reading_gzip(found: dict[str, dict[str, float]]) -> str:
    """Compressed values, beside h5py."""
    rows = [
        f"{name} | {t['ours']:.2f} s | {t['h5py']:.2f} s | {t['h5py'] / t['ours']:.1f}x" for name, t in found.items()
    ]
    return table("compression | ours | h5py | faster", rows)


def pages(found: dict[str, dict[str, Any]]) -> str:
    """Click to painted pixels, of studies that the page built."""
    sizes = sorted(found, key=int)
    head = " | ".join(["what", *(f"{int(cells):,} cells | beside an empty page" for cells in sizes)])
    rows = [" | ".join(["built from the page", *(f"{found[cells]['build']:.1f} s | " for cells in sizes)])]
    for what in found[sizes[0]]["ms"]:
        took = [(found[cells]["ms"][what], found[cells]["ms"]["empty"]) for cells in sizes]
        rows.append(" | ".join([what, *(f"{ms:.0f} ms | {ms / empty:.1f}x" for ms, empty in took)]))
    return table(head, rows)


def views(found: dict[str, Any]) -> str:
    """Memory of the server after so many views, and views beside a build."""
    hundreds = {n: megabytes for n, megabytes in found["memory"].items() if int(n) % 100 == 0}
    rows = [f"memory after {n} views | {megabytes:.0f} MB" for n, megabytes in hundreds.items()]
    rows += [
        f"a view by one of three readers | {median(found['alone']):.2f} s",
        f"the same while another study is built | {median(found['beside']):.2f} s",
    ]
    return table("what | median", rows)


def plot(sizes: dict[str, Any]) -> None:
    """Growth with the size of the file."""
    rows = [
        {"cells": found["cells"], "seconds": found[key], "part": name}
        for found in sizes.values()
        for key, name in (*PARTS.items(), ("read", "reading the bytes"))
    ]
    chart = (
        alt.Chart(pd.DataFrame(rows), width=420, height=260)
        .mark_line(point=True)
        .encode(
            alt.X(
                "cells:Q",
                scale=alt.Scale(type="log"),
                title="Cells (18,080 genes, log axis)",
                axis=alt.Axis(format=",d"),
            ),
            alt.Y("seconds:Q", scale=alt.Scale(type="log"), title="Seconds, warm (log axis)"),
            alt.Color("part:N", title=None),
        )
        .configure(font="Arial, Liberation Sans, sans-serif")
    )
    (DOCS / "performance.svg").write_text(vl_convert.vegalite_to_svg(chart.to_dict()))


def main() -> None:
    """Fill the tables between the marks of docs/performance.md."""
    sizes = {key: read("vcc")[key] for key in sorted(read("vcc"), key=int)}
    parts = {"building": building(sizes), "asking": asking(sizes), "layouts": layouts(read("inputs"))}
    parts |= {"gzip": reading_gzip(read("compressed"))} if read("compressed") else {}
    parts |= {"pages": pages(read("page"))} if read("page") else {}
    parts |= {"views": views(read("views"))} if read("views") else {}
    parts["machine"] = f"{os.cpu_count()} processors ({platform.machine()}), Python {platform.python_version()}."
    path = DOCS / "performance.md"
    text = path.read_text()
    for name, content in parts.items():
        start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = text.partition(start)
        text = f"{before}{start}{content}\n{end}{rest.partition(end)[2]}"
    path.write_text(text)
    plot(sizes)
    print(path)


if __name__ == "__main__":
    main()
