"""The compiled loops of the sweep. Callers guarantee shapes and types; see moments.py and ranksum.py for the meaning.

A gene is visited as the list of its non-zero values, in the order of groups.Groups: a zero adds nothing to any sum, and
its rank is known without sorting. So the cost follows the non-zeros, not the cells.
"""

import numpy as np
from numba import njit

CODE_BITS = 20  # a sort key carries the code of its rank group in the lowest 20 bits ...
KEY_SHIFT = np.uint64(CODE_BITS)  # ... and 44 bits of value above them
CODE_MASK = np.uint64((1 << CODE_BITS) - 1)
LOWEST_EXPONENT = 1023 - 14  # keys of ratios hold 2**-14 to 2**49: 6 bits of exponent, 38 of mantissa
LARGEST_KEY = np.uint64((1 << 44) - 1)
RADIX = 2048
MAXIMUM = 6  # place of the maximum, last of moments.FIELDS


@njit(nogil=True, cache=True, boundscheck=False)
def nonzeros_in_order(block, order, slice_start, divisor, where, value, ratio, start):
    """Gather each gene's non-zero values in visiting order.

    block (genes, cells of the file); order (uint32) and divisor (cells in visiting order). Fills where (places in the
    visiting order), value and ratio (genes, cells), and start (genes, slices + 1): where a slice's non-zeros begin.
    """
    row = np.empty(order.size, block.dtype)
    for g in range(block.shape[0]):
        for i in range(order.size):
            row[i] = block[g, order[i]]
        m = np.uint32(0)
        start[g, 0] = 0
        for s in range(slice_start.size - 1):
            for i in range(slice_start[s], slice_start[s + 1]):
                where[g, m] = i  # written always, kept only for a non-zero: no branch to mispredict
                m += np.uint32(row[i] != 0)
            start[g, s + 1] = m
        for k in range(m):
            x = np.float64(row[where[g, k]])
            value[g, k] = x
            ratio[g, k] = x / divisor[where[g, k]]


@njit(nogil=True, cache=True, boundscheck=False, fastmath={"reassoc", "contract", "nsz", "nnan"})
def slice_sums(value, ratio, unit, logged, start, fold, guide, fold_sums, guide_sums, ends):
    """Add every slice's sums to its (target, fold) and its (target, guide).

    ``ratio * unit`` are normalized counts. The last axis of fold_sums and guide_sums holds moments.FIELDS; that of ends
    the smallest and largest value and the smallest and largest logged value among the non-zeros.
    """
    for g in range(value.shape[0]):
        low, high, low_log, high_log = np.inf, 0.0, np.inf, 0.0
        for s in range(start.shape[1] - 1):
            a, b = start[g, s], start[g, s + 1]
            if a == b:
                continue
            counts, total, squares, log_sum, log_squares, top = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for i in range(a, b):
                x, v, y = value[g, i], ratio[g, i] * unit, logged[g, i]
                counts += x
                total += v
                log_sum += y
                log_squares += y * y
                squares += v * v
                top = max(top, x)
                low = min(low, x)
                low_log = min(low_log, y)
                high_log = max(high_log, y)
            high = max(high, top)
            for sums, k in ((fold_sums, fold[s]), (guide_sums, guide[s])):
                sums[g, k, 0] += b - a
                sums[g, k, 1] += counts
                sums[g, k, 2] += total
                sums[g, k, 3] += squares
                sums[g, k, 4] += log_sum
                sums[g, k, 5] += log_squares
                sums[g, k, 6] = max(sums[g, k, 6], top)
        ends[g, 0], ends[g, 1], ends[g, 2], ends[g, 3] = low, high, low_log, high_log


@njit(nogil=True, cache=True, boundscheck=False)
def roll_up(fine, into, coarse):
    """Add fine groups' sums (genes, fine, FIELDS) to the coarse group each belongs to; the last field is a maximum."""
    for g in range(fine.shape[0]):
        for k in range(fine.shape[1]):
            c = into[k]
            for f in range(MAXIMUM):  # a constant, so that the loop is unrolled
                coarse[g, c, f] += fine[g, k, f]
            coarse[g, c, MAXIMUM] = max(coarse[g, c, MAXIMUM], fine[g, k, MAXIMUM])


@njit(nogil=True, cache=True, boundscheck=False)
def part_sums(values, where, m, of_cell, part, first, share, weighted_share, shift, scatter,
              pooled, pooled_squares, control, control_squares):  # fmt: skip
    """What a comparison within parts needs of some genes.

    of_cell (cells in visiting order) numbers each cell's (target, part), the controls' last; part, share = 1 / cells
    and weighted_share (pairs,) belong to these numbers, a target's pairs begin at first[t]. Fills shift, the weighted
    sum of a target's means, and scatter, the squares around them (genes, targets); and the sums and squares of all
    perturbed cells and of the controls of every part (genes, parts).
    """
    n_targets, n_pairs = first.size - 1, part.size
    total, squares = np.empty(n_pairs), np.empty(n_pairs)
    for g in range(values.shape[0]):
        total[:] = 0
        squares[:] = 0
        for k in range(m[g]):
            p, y = of_cell[where[g, k]], values[g, k]
            total[p] += y
            squares[p] += y * y
        pooled[g] = 0
        pooled_squares[g] = 0
        for p in range(first[n_targets]):
            pooled[g, part[p]] += total[p]
            pooled_squares[g, part[p]] += squares[p]
        control[g] = 0
        control_squares[g] = 0
        for p in range(first[n_targets], n_pairs):
            control[g, part[p]] = total[p]
            control_squares[g, part[p]] = squares[p]
        for p in range(first[n_targets]):
            around = squares[p] - total[p] * total[p] * share[p]
            squares[p] = around if (around > 0) & (weighted_share[p] > 0) else 0.0  # no branch: often a rounded 0
            total[p] *= weighted_share[p]
        for t in range(n_targets):
            moved, around = 0.0, 0.0
            for p in range(first[t], first[t + 1]):
                moved += total[p]
                around += squares[p]
            shift[g, t], scatter[g, t] = moved, around


@njit(nogil=True, cache=True, boundscheck=False)
def keys_of_ratios(ratio, where, m, code, keys):
    """Sort keys of one gene's first m ratios: order-preserving and, for count/total, free of false ties.

    code (cells in visiting order) is the rank code of every cell. Returns whether all ratios lie in the keys' range.
    """
    bits = ratio.view(np.uint64)
    lowest = np.uint64(LOWEST_EXPONENT) << np.uint64(38)
    largest = lowest + LARGEST_KEY
    inside = True
    for k in range(m):
        key = bits[k] >> np.uint64(14)
        inside &= (key >= lowest) & (key <= largest)
        keys[k] = ((key - lowest) << KEY_SHIFT) | np.uint64(code[where[k]])
    return inside


@njit(nogil=True, cache=True, boundscheck=False)
def keys_of_floats(value, where, m, code, keys):
    """Sort keys of one gene's first m float32 values (held as float64): their own bits, so exact; always in range."""
    one = np.empty(1, np.float32)
    bits = one.view(np.uint32)
    for k in range(m):
        one[0] = value[k]
        keys[k] = (np.uint64(bits[0]) << np.uint64(33)) | np.uint64(code[where[k]])  # 31 bits; 13 stay free
    return True


@njit(nogil=True, cache=True, boundscheck=False)
def sorted_keys(values, where, m, code, keys):
    """Keys of one gene's first m values by their rank among one another, sorted: exact for any values, but slower."""
    order = np.argsort(values[:m])
    rank = np.uint64(0)
    for k in range(m):
        if k > 0 and values[order[k]] != values[order[k - 1]]:
            rank += np.uint64(1)
        keys[k] = (rank << KEY_SHIFT) | np.uint64(code[where[order[k]]])


@njit(nogil=True, cache=True, boundscheck=False)
def radix_sort(keys, spare, m):
    """Sort keys[:m] by value, in three passes of 11 bits; returns the array that holds the result.

    The lowest 11 bits of value are left to one insertion pass: two values agree in the upper 33 bits almost only when
    they are equal, so next to nothing moves there. The code below the value is payload and takes no part.
    """
    counts = np.zeros((3, RADIX), np.int32)  # all three fit the nearest cache
    low = np.uint64(RADIX - 1)
    for i in range(m):
        k = keys[i] >> np.uint64(31)
        counts[0, np.int64(k & low)] += 1
        counts[1, np.int64((k >> np.uint64(11)) & low)] += 1
        counts[2, np.int64(k >> np.uint64(22))] += 1
    source, sink = keys, spare
    for p in range(3):
        place = 0
        for j in range(RADIX):
            n = counts[p, j]
            counts[p, j] = place
            place += n
        shift = np.uint64(31 + 11 * p)
        for i in range(m):
            j = np.int64((source[i] >> shift) & low)
            sink[counts[p, j]] = source[i]
            counts[p, j] += 1
        source, sink = sink, source
    for i in range(1, m):
        k = source[i]
        value = k >> KEY_SHIFT
        j = i
        while j > 0 and (source[j - 1] >> KEY_SHIFT) > value:
            source[j] = source[j - 1]
            j -= 1
        source[j] = k
    return source


@njit(nogil=True, cache=True, boundscheck=False)
def rank_walk(keys, m, group, stratum, n_cells, n_strata, u, tie):
    """One walk over a gene's sorted keys: U of every code against the controls of its stratum, and the tie terms.

    ``group[code]`` is the target; the last group are the controls, the one before it all perturbed cells together.
    u (codes,); tie (groups, strata) sums t**3 - t over a group's ties with the controls; for the controls' own row over
    the controls alone. On the way non-zeros meet one another, in whole numbers (twice U). What zeros add is known at
    the end: a non-zero stands above every zero among the controls, a zero is tied with them.
    """
    n_codes, n_groups = group.size, tie.shape[0]
    control, pooled = n_groups - 1, n_groups - 2
    is_control = np.empty(n_codes, np.int64)
    for c in range(n_codes):
        is_control[c] = group[c] == control
    twice, nonzero = np.zeros(n_codes, np.int64), np.zeros(n_codes, np.int64)
    below = np.zeros(n_strata, np.int64)  # controls met so far
    common = np.zeros(n_strata)  # ties among controls alone: part of every group's tie term
    tied = np.zeros((n_groups, n_strata), np.int64)
    tied_control = np.zeros(n_strata, np.int64)
    touched = np.empty((n_groups * n_strata, 2), np.int64)
    tie[:] = 0
    i = 0
    while i < m:
        value = keys[i] >> KEY_SHIFT
        j = i + 1
        if j == m or keys[j] >> KEY_SHIFT != value:
            c = np.int64(keys[i] & CODE_MASK)
            s, one = stratum[c], is_control[c]
            twice[c] += 2 * below[s] + one  # against all controls: one of them meets itself too
            nonzero[c] += 1
            below[s] += one
            i = j
            continue
        while j < m and keys[j] >> KEY_SHIFT == value:
            j += 1
        n_touched = 0
        for x in range(i, j):
            c = np.int64(keys[x] & CODE_MASK)
            k, s = group[c], stratum[c]
            if k == control:
                tied_control[s] += 1
                continue
            for row in (k, pooled):
                if tied[row, s] == 0:
                    touched[n_touched] = row, s
                    n_touched += 1
                tied[row, s] += 1
        for x in range(i, j):
            c = np.int64(keys[x] & CODE_MASK)
            twice[c] += 2 * below[stratum[c]] + tied_control[stratum[c]]
            nonzero[c] += 1
        for x in range(n_touched):
            k, s = touched[x]
            r = np.float64(tied_control[s])
            t = tied[k, s] + r
            tie[k, s] += (t * t * t - t) - (r * r * r - r)
            tied[k, s] = 0
        for s in range(n_strata):
            r = np.float64(tied_control[s])
            common[s] += r * r * r - r
            below[s] += tied_control[s]
            tied_control[s] = 0
        i = j

    zeros = np.zeros((n_groups, n_strata), np.int64)
    for c in range(n_codes):
        zeros[group[c], stratum[c]] += n_cells[c] - nonzero[c]
        if not is_control[c]:
            zeros[pooled, stratum[c]] += n_cells[c] - nonzero[c]
    for c in range(n_codes):
        u[c] = 0.5 * (twice[c] + (n_cells[c] + nonzero[c]) * zeros[control, stratum[c]])
    for s in range(n_strata):
        for k in range(n_groups):
            t = np.float64(zeros[k, s] + (zeros[control, s] if k != control else 0))
            tie[k, s] += common[s] + t * t * t - t


@njit(nogil=True, cache=True, boundscheck=False)
def rank_genes(values, where, m, code, exact_floats, keys, spare, group, stratum, n_cells, n_strata,
               u, tie, u_within, tie_within):  # fmt: skip
    """Sort and walk some genes: pooled, and within strata where there are several.

    values (genes, cells): count/total, or float32 values if exact_floats; where their places in the visiting order;
    m (genes,) those that take a rank; code (cells in visiting order); keys and spare (cells,) are scratch space.
    """
    pooled = np.zeros_like(stratum)
    for g in range(m.size):
        if exact_floats:
            inside = keys_of_floats(values[g], where[g], m[g], code, keys)
        else:
            inside = keys_of_ratios(values[g], where[g], m[g], code, keys)
        found = keys
        if inside:
            found = radix_sort(keys, spare, m[g])
        else:  # beyond 2**-14 to 2**49 times the median: corrected counts of next to nothing, totals from far apart
            sorted_keys(values[g], where[g], m[g], code, keys)
        rank_walk(found, m[g], group, pooled, n_cells, 1, u[g], tie[g])
        if n_strata > 1:
            rank_walk(found, m[g], group, stratum, n_cells, n_strata, u_within[g], tie_within[g])


@njit(nogil=True, cache=True, boundscheck=False)
def take_fields(sums, n_nonzero, counts, normalized, logged, log_squares, maximum):
    """Put the fields that are stored, out of sums (genes, rows, FIELDS), into arrays (rows, genes)."""
    for k in range(n_nonzero.shape[0]):
        for g in range(sums.shape[0]):
            n_nonzero[k, g] = sums[g, k, 0]
            counts[k, g] = sums[g, k, 1]
            normalized[k, g] = sums[g, k, 2]
            logged[k, g] = sums[g, k, 4]
            log_squares[k, g] = sums[g, k, 5]
            maximum[k, g] = sums[g, k, 6]
