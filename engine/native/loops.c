/* What a decision does once for every candidate, and a lesson for every column, one after the other.

   Every function does what its namesake on numpy does (engine/kernels/arrays.py, engine/experts/arrays.py,
   engine/experts/binning/plain.py, engine/learning/scaling/plain.py), to the same bits: sums are taken term after
   term, and exponentials and logarithms are the C library's. What each is for, and what it takes, is said in the
   `loops.py` beside it; tests compare the two, and the numbers below with those of Python.

   No Python code runs while one of these looks at what it was given, which so stays as it is. Whatever is not
   as it must be raises TypeError, ValueError, IndexError or OverflowError; what is written to may be written in part
   then.

   tools/native.py compiles it. Floating point must stay as written: -ffp-contract=off. */

#include "arrays.h"

/* engine/kernels/loops.py */
#define DENSE 3
#define LEAST 1e-150

/* engine/learning/scaling/loops.py */
#define LARGEST 1e15
#define CLIP 4.0
#define BIAS_VALUE 2.0
#define OUTLIER 10.0
#define SETTLED 30.0
enum { COUNT, MEAN, VARIANCE, INVERSE, LOG_MEAN, LOG_VARIANCE, LOG_INVERSE, WIDTH };

/* engine/experts/binning/loops.py */
#define MOST_BINS 32
#define FEWEST 30.0
#define SHARE (3.0 / MOST_BINS)
enum { BINS, SEEN, SIZES };
enum { HELD, LOWEST, HIGHEST, LOGS, CONTENT };

/* engine/experts/loops.py, engine/experts/rates.py, engine/experts/blending.py, engine/learning/table.py */
enum { LABEL, CORRECTION, TAKEN_BACK };
#define AGILITY 0.5
#define LOYALTY (1.0 - 1e-4)
#define BOUND 8.0
#define RESTLESS 10.0
#define SURELY 1e-3
#define RAREST 1e-6
#define IMAGINED 2.0
#define LEARNING_RATE 0.05
#define SMOOTHING 1.0
static const double UNREST[] = {1e-9, 3e-5};

/* --- arguments ------------------------------------------------------------------------------------------ */

typedef struct {
    union {
        double *numbers;
        npy_intp *indexes;
        double number;
        Py_ssize_t whole;
        unsigned long long bits;
    };
    npy_intp shape[3], bytes; /* of an array */
} Argument;

/* An array, `kind` being `i` or `j` for indexes of one dimension or two, `d`, `e`, `t` for doubles of one to three;
   a capital letter where it is written to. */
static int read_array(PyObject *given, char kind, Argument *read)
{
    static const char kinds[] = "ijdet";
    static const int types[] = {NPY_LONG, NPY_LONG, NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE}, dimensions[] = {1, 2, 1, 2, 3};
    int writable = kind < 'a';
    size_t at = strchr(kinds, writable ? kind - 'A' + 'a' : kind) - kinds;
    if (!is_array(given, types[at], dimensions[at], writable))
        return refuse("an array is of another kind");
    read->numbers = PyArray_DATA((PyArrayObject *)given);
    for (int i = 0; i < dimensions[at]; i++)
        read->shape[i] = PyArray_DIM((PyArrayObject *)given, i);
    read->bytes = PyArray_NBYTES((PyArrayObject *)given);
    return 0;
}

/* Whether two arguments are arrays that have a byte in common. */
static int overlap(const Argument *one, const Argument *other)
{
    return one->bytes > 0 && other->bytes > 0 && (uintptr_t)one->numbers < (uintptr_t)other->numbers + other->bytes &&
           (uintptr_t)other->numbers < (uintptr_t)one->numbers + one->bytes;
}

/* What was given, as `kinds` says: an array (see above), `n` an int, `u` one of 64 bits, `f` a number, `b` a bool.
   Nothing is taken for another by running Python code. What is written to has no byte in common with the rest, or
   an index could change after it was found to be one. */
static int read_arguments(PyObject *const *given, Py_ssize_t count, const char *kinds, Argument *read)
{
    if (takes(count, (Py_ssize_t)strlen(kinds)) < 0)
        return -1;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *one = given[i];
        char kind = kinds[i];
        int failed = 0;
        read[i].bytes = 0;
        if (kind == 'f' && PyFloat_Check(one))
            read[i].number = PyFloat_AS_DOUBLE(one);
        else if (kind == 'f' && PyLong_Check(one))
            read[i].number = PyLong_AsDouble(one);
        else if (kind == 'n' && PyLong_Check(one))
            read[i].whole = PyLong_AsSsize_t(one);
        else if (kind == 'u' && PyLong_Check(one))
            read[i].bits = PyLong_AsUnsignedLongLong(one);
        else if (kind == 'b' && PyBool_Check(one))
            read[i].whole = one == Py_True;
        else if (strchr("fnub", kind) != NULL)
            failed = refuse("an argument is no such number");
        else
            failed = read_array(one, kind, &read[i]);
        if (failed < 0 || PyErr_Occurred())
            return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        for (Py_ssize_t other = 0; kinds[i] < 'a' && other < count; other++)
            if (other != i && overlap(&read[i], &read[other])) {
                PyErr_SetString(PyExc_ValueError, "an array that is written to shares memory with another argument");
                return -1;
            }
    return 0;
}

/* Whether something holds of the arguments' shapes; if not, there is an exception. */
static int fits(int holds)
{
    if (!holds)
        PyErr_SetString(PyExc_ValueError, "arrays are of shapes that do not fit");
    return holds;
}

/* Whether all indexes are below the limit; if not, there is an exception. */
static int all_below(const Argument *indexes, npy_intp limit)
{
    for (npy_intp i = 0; i < indexes->shape[0]; i++)
        if (indexes->indexes[i] < 0 || indexes->indexes[i] >= limit) {
            PyErr_Format(PyExc_IndexError, "there is no %zd among %zd", (Py_ssize_t)indexes->indexes[i], (Py_ssize_t)limit);
            return 0;
        }
    return 1;
}

/* --- numbers -------------------------------------------------------------------------------------------- */

/* As Python's `max` and `min`: what is not a number counts if it comes first. */
static inline double at_least(double number, double least)
{
    return least > number ? least : number;
}

static inline double at_most(double number, double most)
{
    return most < number ? most : number;
}

static double sigmoid(double logit)
{
    if (logit >= 0.0)
        return 1.0 / (1.0 + exp(-logit));
    double grown = exp(logit);
    return grown / (1.0 + grown);
}

static double signed_log(double number)
{
    return number >= 0.0 ? log1p(number) : -log1p(-number);
}

static double within(double number)
{
    return at_least(at_most(number, LARGEST), -LARGEST);
}

/* --- kernels: all candidates of a decision ---------------------------------------------------------------- */

/* Where the C library can choose when it is loaded, compiled for wider registers as well: the same bits, sooner. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__)
#define WIDER __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define WIDER
#endif

/* Adds `times[c]` times the row `columns[c]` of the matrix to the sums, one row after the other. */
WIDER static void add_rows(
    double *restrict sums, npy_intp count, const double *restrict matrix, npy_intp width, const npy_intp *columns,
    const double *times, npy_intp length)
{
    for (npy_intp c = 0; c < length; c++) {
        const double *row = matrix + columns[c] * width, by = times[c];
        for (npy_intp i = 0; i < count; i++)
            sums[i] += by * row[i];
    }
}

/* The same for one place of the rows. */
static double sum_at(npy_intp place, const Argument *columns, const Argument *values, const Argument *matrix)
{
    double total = 0.0;
    for (npy_intp c = 0; c < columns->shape[0]; c++)
        total += values->numbers[c] * matrix->numbers[columns->indexes[c] * matrix->shape[1] + place];
    return total;
}

static PyObject *loops_score(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    enum { COLUMNS, VALUES, MATRIX, KNOWN, SHARED, SLOT_OF, OWN, ACTIONS, INTERCEPT, PROPENSITIES, ARGUMENTS };
    Argument a[ARGUMENTS];
    if (read_arguments(given, count, "ideniiiifD", a) < 0)
        return NULL;
    npy_intp known = a[KNOWN].whole, slots = a[SHARED].shape[0], asked = a[ACTIONS].shape[0];
    if (!fits(a[VALUES].shape[0] == a[COLUMNS].shape[0] && known >= 0 && known <= a[MATRIX].shape[1] && slots > 0 &&
              a[SLOT_OF].shape[0] == a[OWN].shape[0] && a[PROPENSITIES].shape[0] == asked) ||
        !all_below(&a[COLUMNS], a[MATRIX].shape[0]) || !all_below(&a[SHARED], known) ||
        !all_below(&a[ACTIONS], a[OWN].shape[0]))
        return NULL;
    int few = DENSE * (slots + asked) < known;
    double *by_group = PyMem_Calloc(slots + (few ? 0 : known), sizeof(double)), *logits = by_group + slots;
    if (by_group == NULL)
        return PyErr_NoMemory();
    if (!few)
        add_rows(
            logits, known, a[MATRIX].numbers, a[MATRIX].shape[1], a[COLUMNS].indexes, a[VALUES].numbers,
            a[COLUMNS].shape[0]);
    for (npy_intp slot = 0; slot < slots; slot++) {
        npy_intp row = a[SHARED].indexes[slot];
        by_group[slot] = few ? sum_at(row, &a[COLUMNS], &a[VALUES], &a[MATRIX]) : logits[row];
    }
    by_group[0] += a[INTERCEPT].number;
    for (npy_intp slot = 1; slot < slots; slot++)
        by_group[slot] += by_group[0];
    for (npy_intp k = 0; k < asked; k++) {
        npy_intp action = a[ACTIONS].indexes[k], row = a[OWN].indexes[action], slot = a[SLOT_OF].indexes[action];
        if (row < 0 || row >= known || slot < 0 || slot >= slots) {
            PyMem_Free(by_group);
            return PyErr_Format(PyExc_IndexError, "an action has no such row or group");
        }
        double logit = few ? sum_at(row, &a[COLUMNS], &a[VALUES], &a[MATRIX]) : logits[row];
        a[PROPENSITIES].numbers[k] = sigmoid(logit + by_group[slot]);
    }
    PyMem_Free(by_group);
    Py_RETURN_NONE;
}

/* The number that a `Chance` draws on reaching this state; see engine/exploration/chance.py. */
static double uniform(unsigned long long state)
{
    unsigned long long mixed = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
    return (double)((mixed ^ (mixed >> 31)) >> 11) * 0x1p-53;
}

/* Writes the positions of the best, as many as there is room for, the best first. */
static void rank(const Argument *priorities, const Argument *ties, npy_intp *ranked, npy_intp room)
{
    for (npy_intp k = 0; k < priorities->shape[0]; k++) {
        double priority = priorities->numbers[k];
        npy_intp at = k < room ? k : room;
        while (at > 0) {
            npy_intp above = ranked[at - 1];
            double other = priorities->numbers[above];
            if (priority < other || (priority == other && ties->indexes[k] >= ties->indexes[above]))
                break;
            if (at < room)
                ranked[at] = above;
            at--;
        }
        if (at < room)
            ranked[at] = k;
    }
}

/* What a slot's shares are reckoned from: how many candidates are left, and how the best of them stands. */
typedef struct {
    double left, scale, slope;
    const double *spreads; /* NULL where the gap alone counts */
    double spread;         /* that of the best */
} Slot;

/* The share of a candidate other than the best, by its gap; `spread` is how far its priority may be off. */
static double share_of(const Slot *slot, double priority, double spread)
{
    double gap = at_least(1.0 - at_least(priority, 0.0) * slot->scale, 0.0);
    if (slot->spreads == NULL)
        return 1.0 / (slot->left + slot->slope * gap);
    if (!(gap > 0.0))
        return 1.0 / slot->left;
    double first = spread * slot->scale, second = slot->spread * slot->scale;
    double doubt = first * first + second * second;
    return 1.0 / (slot->left * (1.0 + slot->slope * gap * gap / doubt));
}

/* The same for all of them, where the gap alone counts. */
WIDER static void shares_by_gap(const Slot *slot, const double *priorities, double *restrict shares, npy_intp count)
{
    double left = slot->left, scale = slot->scale, slope = slot->slope;
    for (npy_intp k = 0; k < count; k++)
        shares[k] = 1.0 / (left + slope * at_least(1.0 - at_least(priorities[k], 0.0) * scale, 0.0));
}

/* What all others leave the best: their shares are summed, but those of the `done` that were taken. */
static double rest_of(
    const Slot *slot, const Argument *priorities, npy_intp best, const npy_intp *taken, npy_intp done, double *shares)
{
    npy_intp count = priorities->shape[0];
    if (slot->spreads == NULL)
        shares_by_gap(slot, priorities->numbers, shares, count);
    else
        for (npy_intp k = 0; k < count; k++)
            shares[k] = share_of(slot, priorities->numbers[k], slot->spreads[k]);
    for (npy_intp earlier = 0; earlier < done; earlier++)
        shares[taken[earlier]] = 0.0;
    shares[best] = 0.0;
    double total = 0.0;
    for (npy_intp k = 0; k < count; k++)
        total += shares[k];
    return 1.0 - total;
}

/* Keeps the first `count` + 1 of those that were taken in order. */
static void insert(npy_intp position, npy_intp *taken, npy_intp count)
{
    while (count > 0 && taken[count - 1] > position) {
        taken[count] = taken[count - 1];
        count--;
    }
    taken[count] = position;
}

/* A list of choices, each with its probability. */
static PyObject *filled_by(const npy_intp *chosen, const double *probabilities, npy_intp slots)
{
    PyObject *filled = PyList_New(0);
    for (npy_intp done = 0; filled != NULL && done < slots; done++) {
        PyObject *place = PyLong_FromSsize_t(chosen[done]), *probability = PyFloat_FromDouble(probabilities[done]);
        append(&filled, place == NULL || probability == NULL ? NULL : PyTuple_Pack(2, place, probability));
        Py_XDECREF(place);
        Py_XDECREF(probability);
    }
    return filled;
}

static PyObject *loops_fill(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    enum {
        PRIORITIES, TIES, GAMMA, GREEDY, STATE, ACTIONS, PROPENSITIES, WORTH, EXPOSURES, SLOTS, ARGUMENTS
    };
    Argument a[ARGUMENTS];
    if (read_arguments(given, count, "difbuidddn", a) < 0)
        return NULL;
    npy_intp candidates = a[PRIORITIES].shape[0], slots = a[SLOTS].whole, actions = a[EXPOSURES].shape[0];
    int greedy = a[GREEDY].whole != 0, is_evident = actions > 0 && !greedy;
    if (!fits(a[TIES].shape[0] == candidates && slots >= 0 && slots <= candidates) ||
        !fits(!is_evident || (a[ACTIONS].shape[0] == candidates && a[PROPENSITIES].shape[0] == actions &&
                              a[WORTH].shape[0] == actions)) ||
        (is_evident && !all_below(&a[ACTIONS], actions)))
        return NULL;
    /* one piece: how far each may be off, the shares, probabilities, choices in their order and sorted, who is best,
       and who is no longer to be had */
    void *scratch = PyMem_Malloc((2 * candidates + 4 * slots) * sizeof(double) + candidates);
    if (scratch == NULL)
        return PyErr_NoMemory();
    double *spreads = scratch, *shares = spreads + candidates, *probabilities = shares + candidates;
    npy_intp *chosen = (npy_intp *)(probabilities + slots), *taken = chosen + slots, *ranked = taken + slots;
    char *is_taken = (char *)(ranked + slots);
    memset(is_taken, 0, candidates);
    for (npy_intp k = 0; is_evident && k < candidates; k++) {
        npy_intp action = a[ACTIONS].indexes[k];
        double p = a[PROPENSITIES].numbers[action];
        spreads[k] = a[WORTH].numbers[action] * sqrt(p * (1.0 - p) / (1.0 + a[EXPOSURES].numbers[action]));
    }
    rank(&a[PRIORITIES], &a[TIES], ranked, slots);
    npy_intp top = 0;
    unsigned long long state = a[STATE].bits;
    for (npy_intp done = 0; done < slots; done++) {
        while (is_taken[ranked[top]])
            top++;
        npy_intp best = ranked[top], choice = best;
        double probability = 1.0;
        if (!greedy) {
            double merit = a[PRIORITIES].numbers[best];
            int is_clear = merit > LEAST;
            Slot slot = {(double)(candidates - done), 0.0, 0.0, NULL, 0.0};
            if (is_clear) {
                slot.scale = 1.0 / merit;
                slot.slope = a[GAMMA].number;
                slot.spreads = is_evident ? spreads : NULL;
                slot.spread = is_evident ? spreads[best] : 0.0;
            }
            state += 0x9E3779B97F4A7C15ULL;
            double scaled = uniform(state) * slot.left;
            choice = (npy_intp)scaled;
            double verdict = scaled - (double)choice;
            for (npy_intp earlier = 0; earlier < done; earlier++)
                choice += taken[earlier] <= choice;
            probability =
                share_of(&slot, a[PRIORITIES].numbers[choice], slot.spreads == NULL ? 0.0 : spreads[choice]);
            if (choice == best || verdict >= slot.left * probability) {
                choice = best;
                probability = rest_of(&slot, &a[PRIORITIES], best, taken, done, shares);
            }
        }
        chosen[done] = choice;
        probabilities[done] = probability;
        is_taken[choice] = 1;
        insert(choice, taken, done);
    }
    PyObject *filled = filled_by(chosen, probabilities, slots);
    PyMem_Free(scratch);
    return filled;
}

/* --- scaling: all numbers of a customer ------------------------------------------------------------------- */

/* Of a number's places: its line, and the columns that tell it, its signed logarithm, and that it is missing. */
enum { LINE, PLAIN, LOGARITHM, MISSING, PLACES };

static int fits_scaling(const Argument *numbers, const Argument *places, const Argument *lines)
{
    if (!fits(places->shape[0] == numbers->shape[0] && places->shape[1] == PLACES && lines->shape[1] == WIDTH))
        return 0;
    for (npy_intp n = 0; n < numbers->shape[0]; n++)
        if (places->indexes[n * PLACES + LINE] < 0 || places->indexes[n * PLACES + LINE] >= lines->shape[0]) {
            PyErr_SetString(PyExc_IndexError, "a number has no line");
            return 0;
        }
    return 1;
}

static double clipped(double z)
{
    return -CLIP < z && z < CLIP ? z : copysign(CLIP, z);
}

static PyObject *loops_scale(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    enum { NUMBERS, PLACES_OF, LINES, SCALE, KNOWN, COLUMNS, VALUES, ARGUMENTS };
    Argument a[ARGUMENTS];
    if (read_arguments(given, count, "djefnID", a) < 0)
        return NULL;
    npy_intp length = a[NUMBERS].shape[0], end = a[KNOWN].whole;
    if (!fits(end > 0 && a[COLUMNS].shape[0] - 2 * length >= end && a[VALUES].shape[0] - 2 * length >= end) ||
        !fits_scaling(&a[NUMBERS], &a[PLACES_OF], &a[LINES]))
        return NULL;
    npy_intp *columns = a[COLUMNS].indexes;
    double *values = a[VALUES].numbers, scale = a[SCALE].number;
    values[0] = BIAS_VALUE;
    for (npy_intp i = 1; i < end; i++)
        values[i] = scale;
    for (npy_intp n = 0; n < length; n++) {
        double number = a[NUMBERS].numbers[n];
        const npy_intp *places = a[PLACES_OF].indexes + n * PLACES;
        const double *line = a[LINES].numbers + places[LINE] * WIDTH;
        if (!isfinite(number)) {
            columns[end] = places[MISSING];
            values[end++] = scale;
            continue;
        }
        number = within(number);
        double z = (number - line[MEAN]) * line[INVERSE];
        if (z != 0.0) {
            columns[end] = places[PLAIN];
            values[end++] = clipped(z) * scale;
        }
        z = (signed_log(number) - line[LOG_MEAN]) * line[LOG_INVERSE];
        if (z != 0.0) {
            columns[end] = places[LOGARITHM];
            values[end++] = clipped(z) * scale;
        }
    }
    return PyLong_FromSsize_t(end);
}

static double tamed(double number, double mean, double inverse)
{
    if (inverse != 0.0 && fabs(number - mean) * inverse > OUTLIER)
        return mean + copysign(OUTLIER / inverse, number - mean);
    return number;
}

/* Takes a value into account in three places of a line, whose count says it already. */
static void welford(double *line, double value, int mean, int variance, int inverse)
{
    double before = line[mean];
    line[mean] += (value - before) / line[COUNT];
    double spread = (value - before) * (value - line[mean]);
    line[variance] += (spread - line[variance]) / line[COUNT];
    line[inverse] = line[variance] > 0.0 ? 1.0 / sqrt(line[variance]) : 0.0;
}

static PyObject *loops_measure(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    enum { NUMBERS, PLACES_OF, LINES, ENOUGH, ARGUMENTS };
    Argument a[ARGUMENTS];
    if (read_arguments(given, count, "djEf", a) < 0 || !fits_scaling(&a[NUMBERS], &a[PLACES_OF], &a[LINES]))
        return NULL;
    for (npy_intp n = 0; n < a[NUMBERS].shape[0]; n++) {
        double number = a[NUMBERS].numbers[n];
        double *line = a[LINES].numbers + a[PLACES_OF].indexes[n * PLACES + LINE] * WIDTH;
        if (!isfinite(number) || line[COUNT] >= a[ENOUGH].number)
            continue;
        number = within(number);
        double logarithm = signed_log(number);
        if (line[COUNT] >= SETTLED) {
            number = tamed(number, line[MEAN], line[INVERSE]);
            logarithm = tamed(logarithm, line[LOG_MEAN], line[LOG_INVERSE]);
        }
        line[COUNT] += 1.0;
        welford(line, number, MEAN, VARIANCE, INVERSE);
        welford(line, logarithm, LOG_MEAN, LOG_VARIANCE, LOG_INVERSE);
    }
    Py_RETURN_NONE;
}

/* --- binning: all numbers of a customer that have bins ------------------------------------------------------ */

/* Whether every number has a line, and every line as many bins as there are columns for, and can count on. */
static int fits_binning(const Argument *numbers, const Argument *lines, const Argument *sizes, const Argument *edges)
{
    npy_intp count = sizes->shape[0];
    if (!fits(lines->shape[0] == numbers->shape[0] && sizes->shape[1] == SIZES && edges->shape[0] == count &&
              edges->shape[1] == MOST_BINS - 1) ||
        !all_below(lines, count))
        return 0;
    for (npy_intp n = 0; n < lines->shape[0]; n++) {
        const npy_intp *line = sizes->indexes + lines->indexes[n] * SIZES;
        if (!fits(line[BINS] >= 0 && line[BINS] <= MOST_BINS && line[SEEN] <= NPY_MAX_INTP - numbers->shape[0]))
            return 0;
    }
    return 1;
}

static npy_intp bin_of(double number, npy_intp bins, const double *edges)
{
    npy_intp low = 0, high = bins > 0 ? bins - 1 : 0;
    while (low < high) {
        npy_intp middle = (low + high) / 2;
        if (edges[middle] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static PyObject *loops_find_bins(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    enum { NUMBERS, LINES, SIZES_OF, EDGES, COLUMNS, FOUND, ARGUMENTS };
    Argument a[ARGUMENTS];
    if (read_arguments(given, count, "dijejI", a) < 0 ||
        !fits_binning(&a[NUMBERS], &a[LINES], &a[SIZES_OF], &a[EDGES]) ||
        !fits(a[COLUMNS].shape[0] == a[EDGES].shape[0] && a[COLUMNS].shape[1] == MOST_BINS &&
              a[FOUND].shape[0] >= a[NUMBERS].shape[0]))
        return NULL;
    npy_intp found = 0;
    for (npy_intp n = 0; n < a[NUMBERS].shape[0]; n++) {
        double number = a[NUMBERS].numbers[n];
        npy_intp line = a[LINES].indexes[n], bins = a[SIZES_OF].indexes[line * SIZES + BINS];
        if (isfinite(number) && bins > 0) {
            npy_intp bin = bin_of(number, bins, a[EDGES].numbers + line * (MOST_BINS - 1));
            a[FOUND].indexes[found++] = a[COLUMNS].indexes[line * MOST_BINS + bin];
        }
    }
    return PyLong_FromSsize_t(found);
}

static PyObject *loops_fill_bins(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    enum { NUMBERS, LINES, ENOUGH, SIZES_OF, EDGES, CONTENTS, DUE, ARGUMENTS };
    Argument a[ARGUMENTS];
    if (read_arguments(given, count, "difJeTI", a) < 0 ||
        !fits_binning(&a[NUMBERS], &a[LINES], &a[SIZES_OF], &a[EDGES]) ||
        !fits(a[CONTENTS].shape[0] == a[EDGES].shape[0] && a[CONTENTS].shape[1] == MOST_BINS &&
              a[CONTENTS].shape[2] == CONTENT && a[DUE].shape[0] >= a[NUMBERS].shape[0]))
        return NULL;
    npy_intp due = 0;
    for (npy_intp n = 0; n < a[NUMBERS].shape[0]; n++) {
        double number = a[NUMBERS].numbers[n];
        npy_intp line = a[LINES].indexes[n], *sizes = a[SIZES_OF].indexes + line * SIZES;
        npy_intp bins = sizes[BINS];
        if (!isfinite(number) || (double)sizes[SEEN] >= a[ENOUGH].number)
            continue;
        number = within(number);
        npy_intp bin = bin_of(number, bins, a[EDGES].numbers + line * (MOST_BINS - 1));
        double *content = a[CONTENTS].numbers + (line * MOST_BINS + bin) * CONTENT;
        content[HELD] += 1.0;
        content[LOWEST] = at_most(content[LOWEST], number);
        content[HIGHEST] = at_least(content[HIGHEST], number);
        content[LOGS] += signed_log(number);
        sizes[SEEN]++;
        int is_full = content[HELD] >= at_least(FEWEST, SHARE * (double)sizes[SEEN]) && bins < MOST_BINS;
        if (bins == 0 || (is_full && content[LOWEST] < content[HIGHEST]))
            a[DUE].indexes[due++] = n;
    }
    return PyLong_FromSsize_t(due);
}

/* --- experts: all columns of a lesson ------------------------------------------------------------------------ */

/* What both of the experts' loops take first. */
enum { COLUMNS, VALUES, ROWS, MATRIX, DETAILS, VALUE, COARSE, FINE, MIX, OPINIONS, HEARD };
enum { KIND = HEARD, TARGET, GUESS, SQUARES, RULES, COUNTS, TRUST, START, STACKS, SPREADS, LEARNED };
#define MOST_EXPERTS 30

static int fits_experts(const Argument *a)
{
    npy_intp experts = a[COARSE].shape[1] / 2, keen = a[FINE].shape[1] / 2;
    return fits(a[VALUES].shape[0] == a[COLUMNS].shape[0] &&
                (a[ROWS].shape[0] > 0 || a[COLUMNS].shape[0] == 0) && experts <= MOST_EXPERTS &&
                keen <= experts && a[MIX].shape[0] == experts + 3 && a[OPINIONS].shape[0] == experts + 3) &&
           all_below(&a[COLUMNS], a[MATRIX].shape[0]) && all_below(&a[COLUMNS], a[COARSE].shape[0]) &&
           all_below(&a[ROWS], a[MATRIX].shape[1]) && all_below(&a[DETAILS], a[FINE].shape[0]);
}

static PyObject *loops_hear(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    Argument a[HEARD];
    if (read_arguments(given, count, "idieifeedD", a) < 0 || !fits_experts(a))
        return NULL;
    npy_intp experts = a[COARSE].shape[1] / 2, keen = a[FINE].shape[1] / 2;
    const double *mix = a[MIX].numbers;
    double *opinions = a[OPINIONS].numbers;
    for (npy_intp e = 0; e < experts + 3; e++)
        opinions[e] = 0.0;
    for (npy_intp c = 0; c < a[COLUMNS].shape[0]; c++) {
        double number = a[VALUES].numbers[c];
        const double *weights = a[MATRIX].numbers + a[COLUMNS].indexes[c] * a[MATRIX].shape[1];
        const double *coarse = a[COARSE].numbers + a[COLUMNS].indexes[c] * a[COARSE].shape[1];
        opinions[0] += number * weights[a[ROWS].indexes[0]];
        for (npy_intp e = 0; e < experts; e++)
            opinions[1 + e] += number * coarse[e];
        for (npy_intp r = 1; r < a[ROWS].shape[0]; r++)
            opinions[1 + experts] += number * weights[a[ROWS].indexes[r]];
    }
    for (npy_intp d = 0; d < a[DETAILS].shape[0]; d++)
        for (npy_intp e = 0; e < keen; e++)
            opinions[1 + e] += a[VALUE].number * a[FINE].numbers[a[DETAILS].indexes[d] * a[FINE].shape[1] + e];
    double together = 0.0;
    for (npy_intp e = 0; e < 1 + experts; e++)
        together += mix[e] * opinions[e];
    opinions[2 + experts] = mix[2 + experts] + mix[1 + experts] * opinions[1 + experts] + together;
    Py_RETURN_NONE;
}

/* As `river.utils.math.sigmoid`, which is cut off at 30. */
static double river_sigmoid(double logit)
{
    if (logit < -30.0)
        return 0.0;
    if (logit > 30.0)
        return 1.0;
    return 1.0 / (1.0 + exp(-logit));
}

/* The logit of the rate so far. */
static double rate_of(const double *counts)
{
    double rate = at_least(RAREST, at_most(1.0 - RAREST, counts[0] / counts[1]));
    return log(rate / (1.0 - rate));
}

/* One step of AdaGrad. */
static void step_rows(const Argument *a, double gradient)
{
    npy_intp width = a[MATRIX].shape[1];
    for (npy_intp c = 0; c < a[COLUMNS].shape[0]; c++) {
        double slope = gradient * a[VALUES].numbers[c];
        double *weights = a[MATRIX].numbers + a[COLUMNS].indexes[c] * width;
        double *squares = a[SQUARES].numbers + a[COLUMNS].indexes[c] * width;
        for (npy_intp r = 0; r < a[ROWS].shape[0]; r++) {
            npy_intp row = a[ROWS].indexes[r];
            squares[row] += slope * slope;
            weights[row] -= LEARNING_RATE / sqrt(squares[row] + SMOOTHING) * slope;
        }
    }
}

/* One step of the first experts' weights in a line: the weights, and as many precisions as there are experts in it. */
static void step_line(
    double *line, npy_intp experts, double value, const double *rules, const double *gradients, const double *curvatures)
{
    for (npy_intp e = 0; e < experts; e++) {
        const double *rule = rules + 3 * e;
        double bend = curvatures[e] * (value * value), precision = line[experts + e];
        precision += rule[1] * bend - rule[2] * bend * (precision - rule[0]);
        line[experts + e] = precision;
        line[e] -= gradients[e] * value / precision;
    }
}

/* What was said of a lesson, or of its correction: the loss of each opinion moves the trust in it. */
static void trust_by(
    const double *opinions, npy_intp count, double label, int is_correction, double *trust, const double *start)
{
    double total = 0.0;
    for (npy_intp o = 0; o < count; o++) {
        double loss = -label * opinions[o];
        if (!is_correction)
            loss += at_least(opinions[o], 0.0) + log(1.0 + exp(-fabs(opinions[o])));
        trust[o] *= exp(-AGILITY * at_least(-BOUND, at_most(BOUND, loss)));
        total += trust[o];
    }
    for (npy_intp o = 0; o < count; o++)
        trust[o] = LOYALTY * trust[o] / total + (1.0 - LOYALTY) * start[o];
}

/* One step of a stack, whose opinion had this gradient and this curvature. */
static void lean(
    const double *inputs, npy_intp width, double gradient, double bend, double unrest, double *stack, double *spread)
{
    double pull[MOST_EXPERTS + 2] = {0.0}, length = 0.0;
    for (npy_intp j = 0; j < width; j++)
        for (npy_intp i = 0; i < width; i++)
            pull[i] += spread[j * width + i] * inputs[j];
    for (npy_intp i = 0; i < width; i++)
        length += pull[i] * inputs[i];
    double damping = 1.0 + bend * length;
    for (npy_intp i = 0; i < width; i++) {
        for (npy_intp j = 0; j < width; j++)
            spread[i * width + j] -= bend / damping * (pull[i] * pull[j]);
        spread[i * width + i] += unrest;
        stack[i] -= gradient / damping * pull[i];
    }
    spread[width * width - 1] += (RESTLESS - 1.0) * unrest;
}

/* What a label, or a correction, says about whom to believe; the last logit is the rate's. */
static void settle(const Argument *a, const double *logits, npy_intp width, double label, int is_correction)
{
    npy_intp stacks = a[STACKS].shape[0];
    double inputs[MOST_EXPERTS + 2], opinions[MOST_EXPERTS + 3 + sizeof UNREST / sizeof *UNREST] = {0.0};
    for (npy_intp e = 0; e < width; e++)
        opinions[e] = inputs[e] = logits[e];
    inputs[width - 1] = 1.0;
    for (npy_intp e = 0; e < width - 1; e++)
        opinions[width] += logits[e] / (double)(width - 1);
    for (npy_intp k = 0; k < stacks; k++)
        for (npy_intp i = 0; i < width; i++)
            opinions[width + 1 + k] += a[STACKS].numbers[k * width + i] * inputs[i];
    trust_by(opinions, width + 1 + stacks, label, is_correction, a[TRUST].numbers, a[START].numbers);
    for (npy_intp k = 0; k < stacks; k++) {
        double gradient = -label, bend = 0.0;
        if (!is_correction) {
            double expected = sigmoid(opinions[width + 1 + k]);
            gradient = expected - label;
            bend = expected * (1.0 - expected);
        }
        lean(
            inputs, width, gradient, bend, UNREST[k], a[STACKS].numbers + k * width,
            a[SPREADS].numbers + k * width * width);
    }
}

/* What the opinions' trust makes of each expert's logit: they are all linear in it. */
static void blend(const Argument *a, double guess, double rate)
{
    npy_intp members = a[MIX].shape[0] - 2, width = members + 1, stacks = a[STACKS].shape[0];
    const double *trust = a[TRUST].numbers, *stack = a[STACKS].numbers;
    double *mix = a[MIX].numbers, by_mean = trust[members + 1] / (double)members, stacked = 0.0;
    for (npy_intp e = 0; e < members; e++) {
        double share = trust[e] + by_mean;
        for (npy_intp k = 0; k < stacks; k++)
            share += trust[members + 2 + k] * stack[k * width + e];
        mix[e] = share;
        stacked += share;
    }
    mix[members] = stacked + trust[members];
    double offset = guess * stacked + rate * trust[members];
    for (npy_intp k = 0; k < stacks; k++)
        offset += trust[members + 2 + k] * stack[k * width + members];
    mix[members + 1] = offset;
}

static int fits_learning(const Argument *a)
{
    npy_intp experts = a[COARSE].shape[1] / 2, width = experts + 2, stacks = a[STACKS].shape[0];
    return fits_experts(a) &&
           fits(a[SQUARES].shape[0] == a[MATRIX].shape[0] && a[SQUARES].shape[1] == a[MATRIX].shape[1] &&
                a[COARSE].shape[1] == 2 * experts && a[FINE].shape[1] % 2 == 0 && a[RULES].shape[0] == experts &&
                a[RULES].shape[1] == 3 && a[COUNTS].shape[0] == 2 && stacks <= (npy_intp)(sizeof UNREST / sizeof *UNREST) &&
                a[STACKS].shape[1] == width && a[SPREADS].shape[0] == stacks && a[SPREADS].shape[1] == width &&
                a[SPREADS].shape[2] == width && a[TRUST].shape[0] == width + 1 + stacks &&
                a[START].shape[0] == width + 1 + stacks && a[KIND].whole >= LABEL && a[KIND].whole <= TAKEN_BACK);
}

static PyObject *loops_learn(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    Argument a[LEARNED];
    if (read_arguments(given, count, "idiEifEEDdnffEeDDdET", a) < 0 || !fits_learning(a))
        return NULL;
    npy_intp experts = a[COARSE].shape[1] / 2, keen = a[FINE].shape[1] / 2;
    const double *opinions = a[OPINIONS].numbers, *rules = a[RULES].numbers;
    double guess = a[GUESS].number, target = a[TARGET].number, common = opinions[1 + experts];
    double slope = -target, missed = target, *counts = a[COUNTS].numbers;
    Py_ssize_t kind = a[KIND].whole;
    if (kind == LABEL)
        slope = river_sigmoid(guess + (opinions[0] + common)) - target;
    else if (kind == TAKEN_BACK) {
        slope = -(river_sigmoid(guess + (opinions[0] + common)) - target);
        missed = sigmoid(opinions[2 + experts]) - target;
    }
    step_rows(a, slope);

    double logits[MOST_EXPERTS + 2], gradients[MOST_EXPERTS], curvatures[MOST_EXPERTS] = {0.0};
    logits[0] = guess + common + opinions[0];
    for (npy_intp e = 0; e < experts; e++) {
        logits[1 + e] = guess + common + opinions[1 + e];
        gradients[e] = -target;
        if (kind == CORRECTION)
            continue;
        double expected = sigmoid(logits[1 + e]);
        gradients[e] = kind == LABEL ? expected - target : target - expected;
        if (kind == LABEL)
            curvatures[e] = at_least(expected * (1.0 - expected), SURELY);
    }
    for (npy_intp c = 0; c < a[COLUMNS].shape[0]; c++)
        step_line(
            a[COARSE].numbers + a[COLUMNS].indexes[c] * a[COARSE].shape[1], experts, a[VALUES].numbers[c], rules,
            gradients, curvatures);
    for (npy_intp d = 0; d < a[DETAILS].shape[0]; d++)
        step_line(
            a[FINE].numbers + a[DETAILS].indexes[d] * a[FINE].shape[1], keen, a[VALUE].number, rules, gradients,
            curvatures);

    logits[1 + experts] = rate_of(counts) + common;
    settle(a, logits, experts + 2, missed, kind != LABEL);
    counts[0] += kind == TAKEN_BACK ? -target : target;
    if (kind != CORRECTION)
        counts[1] = at_least(IMAGINED, counts[1] + (kind == LABEL ? 1.0 : -1.0));
    blend(a, guess, rate_of(counts));
    Py_RETURN_NONE;
}

/* --- the module -------------------------------------------------------------------------------------------- */

#define FUNCTION(name) {#name, (PyCFunction)(void (*)(void))loops_##name, METH_FASTCALL, NULL}

static PyMethodDef methods[] = {
    FUNCTION(score), FUNCTION(fill), FUNCTION(scale), FUNCTION(measure), FUNCTION(find_bins),
    FUNCTION(fill_bins), FUNCTION(hear), FUNCTION(learn), {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "engine.native.loops", "See engine/kernels/loops.py.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_loops(void)
{
    return module_of(&definition);
}
