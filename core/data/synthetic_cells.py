"""Cells of the simulated screen: the guide, batch, state and depth of each, before it has counts."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from core.data.synthetic_design import CONTROL_LABEL, N_CONTROL_GUIDES, Design, Floats, Ints


@dataclass(frozen=True)
class Cells:
    """What each cell is before it has counts; C cells.

    Parameters
    ----------
    guides, guide_target, guide_knock_down
        The guides' names, targets (-1 for control) and mean knock-downs.
    guide, target, batch
        Of each cell (C,).
    knock_down
        Part of the target's transcript that is gone in each cell, 0 in controls (C,).
    responsiveness
        Of each module in each cell, from 0 (off) to 2 (C, M).
    depth
        Expected total of counts (C,).
    """

    guides: list[str]
    guide_target: Ints
    guide_knock_down: Floats
    guide: Ints
    target: Ints
    batch: Ints
    knock_down: Floats
    responsiveness: Floats
    depth: Floats


def draw_cells(rng: np.random.Generator, n_cells: int, targets: list[str], design: Design) -> Cells:
    """All cells of a screen, in no order."""
    per_target = len(design.knock_down)
    guides = [f"{CONTROL_LABEL}_{i + 1:05d}" for i in range(N_CONTROL_GUIDES)]
    guides += [f"{target}_{i + 1}" for target in targets for i in range(per_target)]
    guide_target = np.concatenate([np.full(N_CONTROL_GUIDES, -1), np.repeat(np.arange(len(targets)), per_target)])
    guide_knock_down = np.concatenate([np.zeros(N_CONTROL_GUIDES), np.tile(design.knock_down, len(targets))])
    guide = _draw_guides(rng, n_cells, len(guides), design)
    knock_down = guide_knock_down[guide] + design.knock_down_sd * rng.standard_normal(n_cells)
    batch = rng.permutation(np.arange(n_cells) % design.n_batches)
    responsiveness = _draw_responsiveness(rng, batch, design)
    noise = design.depth_sd * rng.standard_normal(n_cells) - design.depth_sd**2 / 2
    return Cells(
        guides=guides,
        guide_target=guide_target,
        guide_knock_down=guide_knock_down,
        guide=guide,
        target=guide_target[guide],
        batch=batch,
        knock_down=np.where(guide_target[guide] >= 0, np.clip(knock_down, 0, 0.98), 0.0),
        responsiveness=responsiveness,
        depth=design.mean_count * np.exp(noise),
    )


def _draw_guides(rng: np.random.Generator, n_cells: int, n_guides: int, design: Design) -> Ints:
    """The guide of each cell; some guides have more cells than others."""
    weight = np.exp(design.guide_spread * rng.standard_normal(n_guides))
    n_control = round(design.control_share * n_cells)
    control = _whole_shares(weight[:N_CONTROL_GUIDES], n_control)
    others = _whole_shares(weight[N_CONTROL_GUIDES:], n_cells - n_control)
    return rng.permutation(np.repeat(np.arange(n_guides), np.concatenate([control, others])))


def _whole_shares(weight: Floats, total: int) -> Ints:
    """Whole numbers that add up to the total, in proportion to the weights."""
    ends = np.round(np.cumsum(weight) / weight.sum() * total)
    return np.diff(ends, prepend=0).astype(np.int64)


def _draw_responsiveness(rng: np.random.Generator, batch: Ints, design: Design) -> Floats:
    """How far each module of each cell answers (C, M): twice the sigmoid of its state and its place in the cycle."""
    high_share = rng.permutation(np.linspace(*design.high_state_share, design.n_batches))
    high = rng.random(len(batch)) < high_share[batch]
    state = np.where(high, 1.0, -1.0) + 0.3 * rng.standard_normal(len(batch))
    phase = rng.uniform(0, 2 * np.pi, len(batch))
    each = np.arange(design.n_modules)
    peak = rng.permutation(each) * 2 * np.pi / design.n_modules
    sign = rng.permutation(np.where(each % 2, -1.0, 1.0))
    score = design.state_weight * sign * state[:, None] + design.cycle_weight * np.cos(phase[:, None] - peak)
    return 2 * special.expit(score)
