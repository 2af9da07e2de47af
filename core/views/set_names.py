"""Names of gene sets as words: HALLMARK_MTORC1_SIGNALING is "mTORC1 signaling"."""

import re
from functools import lru_cache

from core.views.text import plain

LONGEST = 48

_COLLECTIONS = re.compile(r"^(HALLMARK|REACTOME|KEGG_MEDICUS|KEGG|GOBP|GOCC|GOMF|GO|WP|BIOCARTA|PID|HP)_(?=[A-Z0-9])")
_NUMBER = re.compile(r"\s*[(]?\b(GO:\d{4,}|R-[A-Z]{3}-\d+|WP\d+)\b[)]?$")
_WORDS = {
    word.upper(): word
    for word in (
        "mTORC1 mTOR p53 DNA RNA mRNA rRNA tRNA ncRNA miRNA TNFA TNF NFKB E2F MYC G2M G2 G1 S M KRAS IL2 IL6 STAT3 "
        "STAT5 TGF PI3K AKT JAK UV ER ATP GTP NAD NADH NADPH V1 V2 MHC TCR BCR WNT NOTCH1 NOTCH HIF1 HIF EGFR VEGF FGF "
        "MAPK ERK JNK SREBP SREBF CoA TCA GPCR HIV HDL LDL UPR I II III IV"
    ).split()
}


@lru_cache(maxsize=50_000)
def readable(name: str, longest: int = LONGEST) -> str:
    """A set's name as words, without its collection's prefix and its number.

    Examples
    --------
    >>> readable("HALLMARK_CHOLESTEROL_HOMEOSTASIS"), readable("HALLMARK_MTORC1_SIGNALING")
    ('Cholesterol homeostasis', 'mTORC1 signaling')
    >>> readable("cholesterol biosynthetic process (GO:0006695)"), readable("Rev-mediated nuclear export of HIV RNA")
    ('Cholesterol biosynthetic process', 'Rev-mediated nuclear export of HIV RNA')
    """
    words = _NUMBER.sub("", _COLLECTIONS.sub("", name.strip()))
    if "_" in words and " " not in words:
        words = words.replace("_", " ")
    if words == words.upper() and len(words) > 8:
        words = " ".join(_WORDS.get(word, word.lower()) for word in words.split())
    words = words or name
    first = words.split(" ", 1)[0]
    keeps_its_case = any(c.isupper() for c in first[1:])  # mTORC1, p53
    return plain(words if keeps_its_case or first == "p53" else words[:1].upper() + words[1:], longest)


def within_sentence(name: str) -> str:
    """A set's name within a sentence: its first letter small where it is an ordinary word.

    Examples
    --------
    >>> within_sentence("HALLMARK_CHOLESTEROL_HOMEOSTASIS"), within_sentence("HALLMARK_DNA_REPAIR")
    ('cholesterol homeostasis', 'DNA repair')
    """
    words = readable(name)
    first = words.split(" ", 1)[0]
    is_word = first[1:] == first[1:].lower() and len(first) > 2 and not any(c.isdigit() for c in first)
    return words[:1].lower() + words[1:] if is_word else words
