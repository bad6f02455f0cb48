/* What a decision does once for each offer, treatment, attribute, frame and named tuple, without the interpreter.

   Every function does what its namesake in interpreted.py does, to the same bits; what each is for, and
   what it takes, is said there. Tests compare the two. Nothing here waits, lets go of the interpreter, or
   keeps anything from one call to the next but the layout of engine.model.Offer, which `register` reads, and the
   classes that `quick` was given. Whatever is not as it must be raises TypeError, ValueError, IndexError or
   OverflowError; arrays may be written in part then.

   Whatever Python code a call runs (a function it was given, a __float__, a __hash__, or what the garbage
   collector calls) may change any list, dict, array or offer, and may look at every object there is. So what is
   taken out of one is held for as long as it is used, lengths, and of what kind an array is, are asked for again, and
   no unfinished list is to be found.

   tools/native.py compiles it. Floating point must stay as written: -ffp-contract=off. */

#include "arrays.h"
#include <structmember.h>

/* --- offers: objects with slots, read and written where the slots are ------------------------------ */

enum { ACTION_ID, TREATMENT_ID, ISSUE, GROUP, RANK, PRIORITY, PROPENSITY, VALUE, PROBABILITY, CONTENT, BUNDLE, FIELDS };

static const char *const field_names[FIELDS] = {
    "action_id", "treatment_id", "issue", "group", "rank", "priority",
    "propensity", "value", "probability", "content", "bundle",
};
static PyTypeObject *offer_type;
static Py_ssize_t field_offsets[FIELDS];

#define FIELD(offer, field) (*(PyObject **)((char *)(offer) + field_offsets[field]))

/* A card's fields, see engine.native.interpreted.Card. */
enum { CARD_ACTION_ID, CARD_TREATMENT_ID, CARD_ISSUE, CARD_GROUP, CARD_TEXTS, CARD_RENDER, CARD_FIELDS };

/* What is kept of an offer's bytes, see engine.native.interpreted.Fixed. */
enum { FIXED_CONTENT, FIXED_BUNDLE, FIXED_HEAD, FIXED_FIELDS };

/* An item of a list, to be let go of; NULL with an exception if the list has become shorter. */
static PyObject *item_of(PyObject *list, Py_ssize_t index)
{
    if (index < PyList_GET_SIZE(list))
        return Py_NewRef(PyList_GET_ITEM(list, index));
    return refuse("a list became shorter meanwhile"), NULL;
}

/* A list whose items are still to be set; the garbage collector shows it to nobody before it is `shown`. */
static PyObject *hidden(Py_ssize_t length)
{
    PyObject *made = PyList_New(length);
    if (made != NULL)
        PyObject_GC_UnTrack(made);
    return made;
}

static PyObject *shown(PyObject *made)
{
    if (made != NULL)
        PyObject_GC_Track(made);
    return made;
}

static PyObject *core_register(PyObject *module, PyObject *type)
{
    Py_ssize_t offsets[FIELDS];
    if (!PyType_Check(type) || ((PyTypeObject *)type)->tp_base != &PyBaseObject_Type)
        return refuse("register takes a class without a base"), NULL;
    if (((PyTypeObject *)type)->tp_basicsize != (Py_ssize_t)(sizeof(PyObject) + FIELDS * sizeof(PyObject *)))
        return refuse("the class has other slots than an offer"), NULL;
    for (int field = 0; field < FIELDS; field++) {
        PyObject *slot = PyObject_GetAttrString(type, field_names[field]);
        if (slot == NULL)
            return NULL;
        int is_slot = Py_TYPE(slot) == &PyMemberDescr_Type &&
                      ((PyMemberDescrObject *)slot)->d_member->type == T_OBJECT_EX &&
                      PyDescr_TYPE(slot) == (PyTypeObject *)type;
        if (is_slot)
            offsets[field] = ((PyMemberDescrObject *)slot)->d_member->offset;
        Py_DECREF(slot);
        if (!is_slot)
            return refuse("the class has no such slot"), NULL;
    }
    memcpy(field_offsets, offsets, sizeof offsets);
    Py_INCREF(type);
    Py_XSETREF(offer_type, (PyTypeObject *)type);
    Py_RETURN_NONE;
}

static int is_whole_offer(PyObject *offer)
{
    if (Py_TYPE(offer) != offer_type)
        return refuse("not an offer"), 0;
    for (int field = 0; field < FIELDS; field++)
        if (FIELD(offer, field) == NULL)
            return refuse("a field of an offer was never set"), 0;
    return 1;
}

/* --- columns: arrays of one dimension, wherever they lie in memory; also one number under every index ---- */

static int is_column(PyArrayObject *array, int type)
{
    return PyArray_TYPE(array) == type && PyArray_NDIM(array) == 1 && PyArray_ISNOTSWAPPED(array);
}

static PyArrayObject *column_of(PyObject *given, int type)
{
    if (PyArray_Check(given) && is_column((PyArrayObject *)given, type))
        return (PyArrayObject *)given;
    return refuse("a column is an array with one dimension, of doubles or indexes"), NULL;
}

/* What stands at an index, or not a number where the column has become shorter, or no column, meanwhile. */
static double at(PyArrayObject *column, Py_ssize_t index)
{
    double number = Py_NAN;
    if (is_column(column, NPY_DOUBLE) && index < PyArray_DIM(column, 0))
        memcpy(&number, PyArray_GETPTR1(column, index), sizeof number);
    return number;
}

/* An int of one digit, as nearly all indexes are, without a call; any other, or -1 with an exception, with one. */
static inline Py_ssize_t index_of(PyObject *number)
{
#if PY_VERSION_HEX >= 0x030C0000
    if (PyUnstable_Long_IsCompact((PyLongObject *)number))
        return PyUnstable_Long_CompactValue((PyLongObject *)number);
#else
    if (Py_SIZE(number) == 1)
        return ((PyLongObject *)number)->ob_digit[0];
#endif
    return PyLong_AsSsize_t(number);
}

/* An index below `count`, or -1 with an exception. */
static Py_ssize_t index_below(PyObject *number, Py_ssize_t count)
{
    if (!PyLong_Check(number))
        return refuse("an index is an int");
    Py_ssize_t index = index_of(number);
    if (index >= 0 && index < count)
        return index;
    PyErr_Clear(); /* too large for any index */
    PyErr_Format(PyExc_IndexError, "there is no %R among %zd", number, count);
    return -1;
}

/* --- bytes ------------------------------------------------------------------------------------------- */

/* Lowest byte first, whatever this machine's order is; compilers know these for one instruction. */
static char *put32(char *to, uint32_t bits)
{
    for (int byte = 0; byte < 4; byte++)
        *to++ = (char)(bits >> 8 * byte);
    return to;
}

static char *put64(char *to, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    for (int byte = 0; byte < 8; byte++)
        *to++ = (char)(bits >> 8 * byte);
    return to;
}

/* --- offers ------------------------------------------------------------------------------------------ */

enum { OF_PRODUCT, OF_VALUE, OF_PROPENSITIES, OF_COLUMNS };

static PyObject *offer_of(
    PyObject *chosen, PyObject *cards, PyObject *action_of, PyArrayObject **columns, int asked, int by_propensity,
    PyObject *values, Py_ssize_t rank)
{
    if (!PyTuple_Check(chosen) || PyTuple_GET_SIZE(chosen) != 3)
        return refuse("what was chosen is a treatment, a probability and a bundle"), NULL;
    Py_ssize_t treatment = index_below(PyTuple_GET_ITEM(chosen, 0), PyTuple_GET_SIZE(cards));
    if (treatment < 0)
        return NULL;
    PyObject *card = PyTuple_GET_ITEM(cards, treatment);
    if (!PyTuple_Check(card) || PyTuple_GET_SIZE(card) != CARD_FIELDS)
        return refuse("not a card"), NULL;
    if (column_of((PyObject *)columns[OF_PRODUCT], NPY_DOUBLE) == NULL) /* any more */
        return NULL;
    Py_ssize_t action = index_below(PyTuple_GET_ITEM(action_of, treatment), PyArray_DIM(columns[OF_PRODUCT], 0));
    if (action < 0)
        return NULL;
    double propensity = asked ? at(columns[OF_PROPENSITIES], action) : 0.0;
    double worth = at(columns[OF_PRODUCT], action);
    PyObject *texts = PyTuple_GET_ITEM(card, CARD_TEXTS);
    PyObject *content =
        texts != Py_None ? Py_NewRef(texts) : PyObject_CallOneArg(PyTuple_GET_ITEM(card, CARD_RENDER), values);
    if (content == NULL)
        return NULL;
    PyObject *offer = offer_type->tp_alloc(offer_type, 0);
    if (offer == NULL) {
        Py_DECREF(content);
        return NULL;
    }
    FIELD(offer, ACTION_ID) = Py_NewRef(PyTuple_GET_ITEM(card, CARD_ACTION_ID));
    FIELD(offer, TREATMENT_ID) = Py_NewRef(PyTuple_GET_ITEM(card, CARD_TREATMENT_ID));
    FIELD(offer, ISSUE) = Py_NewRef(PyTuple_GET_ITEM(card, CARD_ISSUE));
    FIELD(offer, GROUP) = Py_NewRef(PyTuple_GET_ITEM(card, CARD_GROUP));
    FIELD(offer, RANK) = PyLong_FromSsize_t(rank);
    FIELD(offer, PRIORITY) = PyFloat_FromDouble(asked && by_propensity ? propensity * worth : worth);
    FIELD(offer, PROPENSITY) = PyFloat_FromDouble(propensity);
    FIELD(offer, VALUE) = PyFloat_FromDouble(at(columns[OF_VALUE], action));
    FIELD(offer, PROBABILITY) = Py_NewRef(PyTuple_GET_ITEM(chosen, 1));
    FIELD(offer, CONTENT) = content;
    FIELD(offer, BUNDLE) = Py_NewRef(PyTuple_GET_ITEM(chosen, 2));
    if (FIELD(offer, RANK) && FIELD(offer, PRIORITY) && FIELD(offer, PROPENSITY) && FIELD(offer, VALUE))
        return offer;
    Py_DECREF(offer);
    return NULL;
}

static PyObject *core_offers(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (takes(count, 8) < 0)
        return NULL;
    PyObject *chosen = given[0], *cards = given[1], *action_of = given[2];
    int asked = given[5] != Py_None, by_propensity = PyObject_IsTrue(given[6]);
    if (offer_type == NULL || !PyList_Check(chosen) || !PyTuple_Check(cards) || !PyTuple_Check(action_of) ||
        PyTuple_GET_SIZE(cards) != PyTuple_GET_SIZE(action_of))
        return refuse("offers takes a list, and two tuples of one length"), NULL;
    if (by_propensity < 0)
        return NULL;
    PyArrayObject *columns[OF_COLUMNS];
    int wanted = asked ? OF_COLUMNS : OF_COLUMNS - 1;
    for (int one = 0; one < wanted; one++) {
        columns[one] = column_of(given[3 + one], NPY_DOUBLE);
        if (columns[one] == NULL)
            return NULL;
        if (PyArray_DIM(columns[one], 0) != PyArray_DIM(columns[0], 0))
            return refuse("columns are of one length"), NULL;
    }
    PyObject *made = PyList_New(0);
    for (Py_ssize_t rank = 1; made != NULL && rank <= PyList_GET_SIZE(chosen); rank++) {
        PyObject *one = Py_NewRef(PyList_GET_ITEM(chosen, rank - 1));
        append(&made, offer_of(one, cards, action_of, columns, asked, by_propensity, given[7], rank));
        Py_DECREF(one);
    }
    return made;
}

static PyObject *core_rows(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (takes(count, 3) < 0)
        return NULL;
    PyObject *offers = given[0], *wanted = given[1];
    if (offer_type == NULL || !PyList_Check(offers) || !PyBytes_Check(wanted))
        return refuse("rows takes a list of offers, bytes, and what else there is"), NULL;
    Py_ssize_t width = PyBytes_GET_SIZE(wanted), length = PyList_GET_SIZE(offers);
    const unsigned char *fields = (const unsigned char *)PyBytes_AS_STRING(wanted);
    for (Py_ssize_t place = 0; place < width; place++)
        if (fields[place] > FIELDS)
            return PyErr_Format(PyExc_IndexError, "an offer has no field %d", fields[place]);
    PyObject *made = hidden(length);
    for (Py_ssize_t i = 0; made != NULL && i < length; i++) {
        PyObject *row = PyTuple_New(width), *offer = row == NULL ? NULL : item_of(offers, i);
        if (offer == NULL || !is_whole_offer(offer)) {
            Py_XDECREF(offer);
            Py_XDECREF(row);
            Py_CLEAR(made);
            break;
        }
        for (Py_ssize_t place = 0; place < width; place++)
            PyTuple_SET_ITEM(row, place, Py_NewRef(fields[place] < FIELDS ? FIELD(offer, fields[place]) : given[2]));
        Py_DECREF(offer);
        PyList_SET_ITEM(made, i, row);
    }
    return shown(made);
}

/* The kept bytes of an offer if they still are its own; NULL without an exception if not. */
static PyObject *kept_head(PyObject *kept, PyObject *key, PyObject *content, PyObject *bundle)
{
    PyObject *head = NULL, *fixed = Py_XNewRef(PyDict_GetItemWithError(kept, key));
    if (fixed == NULL)
        return NULL;
    if (!PyTuple_Check(fixed) || PyTuple_GET_SIZE(fixed) != FIXED_FIELDS ||
        !PyBytes_Check(PyTuple_GET_ITEM(fixed, FIXED_HEAD)))
        refuse("what is kept is content, bundle and bytes");
    else if (PyTuple_GET_ITEM(fixed, FIXED_CONTENT) == content &&
             PyObject_RichCompareBool(PyTuple_GET_ITEM(fixed, FIXED_BUNDLE), bundle, Py_EQ) > 0)
        head = Py_NewRef(PyTuple_GET_ITEM(fixed, FIXED_HEAD));
    Py_DECREF(fixed);
    return head;
}

/* The first bytes of an offer, kept from before or from now on. */
static PyObject *head_of(PyObject *offer, PyObject *kept, PyObject *placement, PyObject *written)
{
    PyObject *content = Py_NewRef(FIELD(offer, CONTENT)), *bundle = Py_NewRef(FIELD(offer, BUNDLE));
    PyObject *key = Py_NewRef(FIELD(offer, TREATMENT_ID)), *head = NULL;
    int has_treatment = PyObject_IsTrue(key);
    if (has_treatment == 0)
        Py_SETREF(key, Py_NewRef(placement));
    if (has_treatment >= 0)
        head = kept_head(kept, key, content, bundle);
    if (head == NULL && !PyErr_Occurred()) {
        head = PyObject_CallOneArg(written, offer);
        if (head != NULL && !PyBytes_Check(head)) {
            refuse("a head is bytes");
            Py_CLEAR(head);
        }
        PyObject *fixed = head == NULL ? NULL : PyTuple_Pack(FIXED_FIELDS, content, bundle, head);
        if (fixed == NULL || PyDict_SetItem(kept, key, fixed) < 0)
            Py_CLEAR(head);
        Py_XDECREF(fixed);
    }
    Py_DECREF(content);
    Py_DECREF(bundle);
    Py_DECREF(key);
    return head;
}

/* The numbers of an offer, each after its tag: a varint of always two bytes, and doubles, lowest byte first. */
enum { RANK_BYTES = 3, DOUBLE_BYTES = 9, NUMBER_BYTES = RANK_BYTES + 4 * DOUBLE_BYTES };

static int write_numbers(char *to, PyObject *offer)
{
    PyObject *held = Py_NewRef(FIELD(offer, RANK));
    long rank = PyLong_AsLong(held);
    Py_DECREF(held);
    if (rank < 0 || rank >= 1 << 14) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "a rank has 14 bits");
        return -1;
    }
    *to++ = 0x28;
    *to++ = (char)((rank & 0x7f) | 0x80);
    *to++ = (char)(rank >> 7);
    for (int field = PRIORITY; field <= PROBABILITY; field++) {
        held = Py_XNewRef(FIELD(offer, field));
        double number = held == NULL ? refuse("a field of an offer is gone") : PyFloat_AsDouble(held);
        Py_XDECREF(held);
        if (number == -1.0 && PyErr_Occurred())
            return -1;
        *to++ = (char)(0x31 + 8 * (field - PRIORITY));
        to = put64(to, number);
    }
    return 0;
}

static PyObject *core_offer_bytes(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (takes(count, 4) < 0)
        return NULL;
    PyObject *offers = given[0], *kept = given[1], *placement = given[2];
    if (offer_type == NULL || !PyList_Check(offers) || !PyDict_Check(kept) || !PyUnicode_Check(placement))
        return refuse("offer_bytes takes a list of offers, a dict, a str and a function"), NULL;
    Py_ssize_t length = PyList_GET_SIZE(offers), size = 0;
    PyObject *heads = hidden(length), *made = NULL;
    if (heads == NULL)
        return NULL;
    for (Py_ssize_t i = 0; i < length; i++) {
        PyObject *offer = item_of(offers, i);
        PyObject *head = offer != NULL && is_whole_offer(offer) ? head_of(offer, kept, placement, given[3]) : NULL;
        Py_XDECREF(offer);
        if (head == NULL)
            goto done;
        PyList_SET_ITEM(heads, i, head);
        size += PyBytes_GET_SIZE(head) + NUMBER_BYTES;
    }
    made = PyBytes_FromStringAndSize(NULL, size);
    if (made == NULL)
        goto done;
    char *to = PyBytes_AS_STRING(made);
    for (Py_ssize_t i = 0; i < length; i++) {
        PyObject *head = PyList_GET_ITEM(heads, i), *offer = item_of(offers, i);
        memcpy(to, PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head));
        to += PyBytes_GET_SIZE(head);
        int written = offer != NULL && is_whole_offer(offer) ? write_numbers(to, offer) : -1;
        Py_XDECREF(offer);
        if (written < 0) {
            Py_CLEAR(made);
            goto done;
        }
        to += NUMBER_BYTES;
    }
done:
    Py_DECREF(heads);
    return made;
}

/* --- treatments -------------------------------------------------------------------------------------- */

/* The first number of an array without gaps, of so many elements at least. */
static void *elements_of(PyObject *given, int type, npy_intp least, int writable)
{
    if (is_array(given, type, 1, writable) && PyArray_DIM((PyArrayObject *)given, 0) >= least)
        return PyArray_DATA((PyArrayObject *)given);
    return refuse("an array is of another kind, or too short"), NULL;
}

/* A new array of these numbers. */
static PyObject *array_of(const void *numbers, npy_intp count, int type)
{
    PyObject *made = PyArray_SimpleNew(1, &count, type);
    if (made != NULL)
        memcpy(PyArray_DATA((PyArrayObject *)made), numbers, count * 8);
    return made;
}

static PyObject *core_weigh(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    enum { TREATMENTS, ACTIONS, PRIORITIES, TIES, ARRAYS };
    if (takes(count, 7) < 0)
        return NULL;
    PyObject *treatments = given[0], *made = NULL;
    if (!PyList_Check(treatments) || !PyBool_Check(given[6]))
        return refuse("treatments are a list, and whether propensities count is a bool"), NULL;
    Py_ssize_t room = PyList_GET_SIZE(treatments), admitted = 0;
    const npy_intp *action_of = elements_of(given[1], NPY_LONG, 0, 0), *ties = NULL;
    const double *propensities = elements_of(given[2], NPY_DOUBLE, 0, 0), *floors = NULL, *product = NULL;
    if (action_of == NULL || propensities == NULL)
        return NULL;
    npy_intp known = PyArray_DIM((PyArrayObject *)given[1], 0), actions = PyArray_DIM((PyArrayObject *)given[2], 0);
    if ((floors = elements_of(given[3], NPY_DOUBLE, actions, 0)) == NULL ||
        (product = elements_of(given[4], NPY_DOUBLE, actions, 0)) == NULL ||
        (ties = elements_of(given[5], NPY_LONG, actions, 0)) == NULL)
        return NULL;
    npy_intp *found = PyMem_Malloc(ARRAYS * room * sizeof(npy_intp));
    if (found == NULL)
        return PyErr_NoMemory();
    npy_intp *named = found + TREATMENTS * room, *acting = found + ACTIONS * room, *placed = found + TIES * room;
    double *priorities = (double *)(found + PRIORITIES * room);
    int by_propensity = given[6] == Py_True;
    for (Py_ssize_t i = 0; i < room; i++) {
        Py_ssize_t treatment = index_below(PyList_GET_ITEM(treatments, i), known);
        if (treatment < 0)
            goto done;
        npy_intp action = action_of[treatment];
        if (action < 0 || action >= actions) {
            PyErr_Format(PyExc_IndexError, "there is no action %zd", (Py_ssize_t)action);
            goto done;
        }
        double worth = product[action];
        if (!(propensities[action] >= floors[action]) || isnan(worth))
            continue;
        named[admitted] = treatment;
        acting[admitted] = action;
        placed[admitted] = ties[action];
        priorities[admitted++] = by_propensity ? propensities[action] * worth : worth;
    }
    made = PyTuple_New(ARRAYS);
    for (int one = 0; made != NULL && one < ARRAYS; one++) {
        PyObject *array = array_of(found + one * room, admitted, one == PRIORITIES ? NPY_DOUBLE : NPY_LONG);
        if (array == NULL)
            Py_CLEAR(made);
        else
            PyTuple_SET_ITEM(made, one, array);
    }
done:
    PyMem_Free(found);
    return made;
}

static PyObject *core_slots(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (takes(count, 2) < 0)
        return NULL;
    PyObject *picks = given[0];
    if (!PyList_Check(picks))
        return refuse("picks are a list"), NULL;
    PyArrayObject *treatments = column_of(given[1], NPY_LONG);
    if (treatments == NULL)
        return NULL;
    PyObject *alone = PyUnicode_FromStringAndSize("", 0), *made = alone == NULL ? NULL : hidden(PyList_GET_SIZE(picks));
    for (Py_ssize_t i = 0; made != NULL && i < PyList_GET_SIZE(made); i++) {
        PyObject *pick = item_of(picks, i), *slot = NULL, *treatment = NULL;
        Py_ssize_t place = -1, found = 0;
        if (pick == NULL)
            ; /* said already */
        else if (!PyTuple_Check(pick) || PyTuple_GET_SIZE(pick) != 2)
            refuse("a pick is a position and a probability");
        else if (column_of(given[1], NPY_LONG) != NULL) /* still */
            place = index_below(PyTuple_GET_ITEM(pick, 0), PyArray_DIM(treatments, 0));
        if (place >= 0) {
            memcpy(&found, PyArray_GETPTR1(treatments, place), sizeof found);
            treatment = PyLong_FromSsize_t(found);
        }
        if (treatment != NULL)
            slot = PyTuple_Pack(3, treatment, PyTuple_GET_ITEM(pick, 1), alone);
        Py_XDECREF(treatment);
        Py_XDECREF(pick);
        if (slot == NULL)
            Py_CLEAR(made);
        else
            PyList_SET_ITEM(made, i, slot);
    }
    Py_XDECREF(alone);
    return shown(made);
}

/* What stands in a list or a tuple at the i-th of the places, borrowed; NULL with an exception if nothing does. */
static PyObject *at_place(PyObject *values, PyObject *places, Py_ssize_t i)
{
    Py_ssize_t place = index_below(PyTuple_GET_ITEM(places, i), PySequence_Fast_GET_SIZE(values));
    return place < 0 ? NULL : PySequence_Fast_ITEMS(values)[place];
}

/* --- records ------------------------------------------------------------------------------------------ */

static PyObject *core_cut(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (takes(count, 3) < 0)
        return NULL;
    const npy_intp *actions = elements_of(given[0], NPY_LONG, 0, 0);
    if (actions == NULL)
        return NULL;
    npy_intp length = PyArray_DIM((PyArrayObject *)given[0], 0), least = 0, last = -1;
    PyArrayObject *own = given[1] == Py_None ? NULL : column_of(given[1], NPY_DOUBLE);
    if (PyErr_Occurred())
        return NULL;
    if ((own != NULL && PyArray_DIM(own, 0) != length) || !PyTuple_Check(given[2]))
        return refuse("cut takes actions, a number for each, and a tuple of columns"), NULL;
    for (npy_intp i = 0; i < length; i++) {
        least = actions[i] < least ? actions[i] : least;
        last = actions[i] > last ? actions[i] : last;
    }
    if (least < 0 || last > INT32_MAX)
        return PyErr_Format(PyExc_IndexError, "an action has an index of 31 bits");
    Py_ssize_t columns = PyTuple_GET_SIZE(given[2]);
    for (Py_ssize_t c = 0; c < columns; c++) {
        PyArrayObject *column = column_of(PyTuple_GET_ITEM(given[2], c), NPY_DOUBLE);
        if (column == NULL)
            return NULL;
        if (PyArray_DIM(column, 0) <= last)
            return PyErr_Format(PyExc_IndexError, "there is no %zd in a column", (Py_ssize_t)last);
    }
    PyObject *made = PyBytes_FromStringAndSize(NULL, length * (4 + 8 * (columns + (own != NULL))));
    if (made == NULL)
        return NULL;
    char *to = PyBytes_AS_STRING(made);
    for (npy_intp i = 0; i < length; i++)
        to = put32(to, (uint32_t)actions[i]);
    for (npy_intp i = 0; own != NULL && i < length; i++)
        to = put64(to, at(own, i));
    for (Py_ssize_t c = 0; c < columns; c++) {
        PyArrayObject *column = (PyArrayObject *)PyTuple_GET_ITEM(given[2], c);
        for (npy_intp i = 0; i < length; i++)
            to = put64(to, at(column, actions[i]));
    }
    return made;
}

/* --- conditions --------------------------------------------------------------------------------------- */

/* Packed tests, one after the other: the treatment, how many conditions, these, how many needs, these. */
static int pack_places(PyObject *places, int32_t *to)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(places); i++) {
        Py_ssize_t place = index_below(PyTuple_GET_ITEM(places, i), INT32_MAX);
        if (place < 0)
            return -1;
        *to++ = (int32_t)place;
    }
    return 0;
}

static int is_test(PyObject *test)
{
    return PyTuple_Check(test) && PyTuple_GET_SIZE(test) == 3 && PyTuple_Check(PyTuple_GET_ITEM(test, 1)) &&
           PyTuple_Check(PyTuple_GET_ITEM(test, 2));
}

static PyObject *core_tests(PyObject *module, PyObject *tests)
{
    Py_ssize_t words = 0;
    if (!PyTuple_Check(tests))
        return refuse("tests are a tuple"), NULL;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tests); i++) {
        PyObject *test = PyTuple_GET_ITEM(tests, i);
        if (!is_test(test))
            return refuse("a test is a treatment, conditions and needs"), NULL;
        words += 3 + PyTuple_GET_SIZE(PyTuple_GET_ITEM(test, 1)) + PyTuple_GET_SIZE(PyTuple_GET_ITEM(test, 2));
    }
    PyObject *made = PyBytes_FromStringAndSize(NULL, words * sizeof(int32_t));
    int32_t *to = made == NULL ? NULL : (int32_t *)PyBytes_AS_STRING(made);
    for (Py_ssize_t i = 0; made != NULL && i < PyTuple_GET_SIZE(tests); i++) {
        PyObject *test = PyTuple_GET_ITEM(tests, i);
        Py_ssize_t treatment = index_below(PyTuple_GET_ITEM(test, 0), INT32_MAX);
        *to++ = (int32_t)treatment;
        for (int part = 1; part <= 2 && treatment >= 0; part++) {
            PyObject *places = PyTuple_GET_ITEM(test, part);
            *to++ = (int32_t)PyTuple_GET_SIZE(places);
            if (pack_places(places, to) < 0)
                treatment = -1;
            to += PyTuple_GET_SIZE(places);
        }
        if (treatment < 0)
            Py_CLEAR(made);
    }
    return made;
}

/* The next of a test's two lists of places, and how long it is; NULL with an exception where there is not so much. */
static const int32_t *places_at(const int32_t **at, const int32_t *end, int32_t *length)
{
    *length = *at < end ? *(*at)++ : -1;
    const int32_t *places = *at;
    if (*length < 0 || end - places < *length)
        return PyErr_SetString(PyExc_ValueError, "not what tests gave"), NULL;
    *at += *length;
    return places;
}

static PyObject *core_passing(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (takes(count, 5) < 0)
        return NULL;
    PyObject *truths = given[1], *values = given[2], *found = given[4];
    if (!PyBytes_Check(given[0]) || !(PyList_Check(truths) || PyTuple_Check(truths)) ||
        !(PyList_Check(values) || PyTuple_Check(values)) || !PyList_Check(found) || found == truths || found == values)
        return refuse("passing takes packed tests, and three lists"), NULL;
    PyObject **truth_of = PySequence_Fast_ITEMS(truths), **value_of = PySequence_Fast_ITEMS(values);
    Py_ssize_t known = PySequence_Fast_GET_SIZE(truths), there = PySequence_Fast_GET_SIZE(values);
    const int32_t *at = (const int32_t *)PyBytes_AS_STRING(given[0]), *end = at + PyBytes_GET_SIZE(given[0]) / 4;
    while (at < end) {
        int32_t treatment = *at++, conditions, needs, passed = 1;
        const int32_t *condition = places_at(&at, end, &conditions);
        const int32_t *need = condition == NULL ? NULL : places_at(&at, end, &needs);
        if (need == NULL)
            return NULL;
        for (int32_t i = 0; passed && i < conditions; i++) {
            if (condition[i] < 0 || condition[i] >= known)
                return PyErr_Format(PyExc_IndexError, "there is no condition %d", (int)condition[i]);
            passed = truth_of[condition[i]] == Py_True;
        }
        for (int32_t i = 0; passed && i < needs; i++) {
            if (need[i] < 0 || need[i] >= there)
                return PyErr_Format(PyExc_IndexError, "there is no value %d", (int)need[i]);
            passed = value_of[need[i]] != Py_None && value_of[need[i]] != given[3];
        }
        PyObject *named = passed ? PyLong_FromLong(treatment) : NULL;
        if (passed && (named == NULL || PyList_Append(found, named) < 0)) {
            Py_XDECREF(named);
            return NULL;
        }
        Py_XDECREF(named);
    }
    Py_RETURN_NONE;
}

/* --- attributes -------------------------------------------------------------------------------------- */

static PyObject *core_lookup(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (takes(count, 3) < 0)
        return NULL;
    PyObject *attributes = given[0], *names = given[1], *absent = given[2];
    if (!PyDict_Check(attributes) || !PyTuple_Check(names) || !PyTuple_Check(absent) ||
        PyTuple_GET_SIZE(names) != PyTuple_GET_SIZE(absent))
        return refuse("lookup takes a dict, and two tuples of one length"), NULL;
    Py_ssize_t length = PyTuple_GET_SIZE(names);
    PyObject *made = hidden(length);
    for (Py_ssize_t i = 0; made != NULL && i < length; i++) {
        PyObject *value = PyDict_GetItemWithError(attributes, PyTuple_GET_ITEM(names, i));
        if (value == NULL && PyErr_Occurred()) {
            Py_CLEAR(made);
            break;
        }
        PyList_SET_ITEM(made, i, Py_NewRef(value == NULL ? PyTuple_GET_ITEM(absent, i) : value));
    }
    return shown(made);
}

static PyObject *core_known(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (takes(count, 3) < 0)
        return NULL;
    PyObject *values = given[0], *places = given[1], *unknown = given[2];
    if (!(PyTuple_Check(values) || PyList_Check(values)) || !PyTuple_Check(places))
        return refuse("known takes a list or a tuple, and a tuple of places"), NULL;
    PyObject *made = hidden(PyTuple_GET_SIZE(places));
    for (Py_ssize_t i = 0; made != NULL && i < PyTuple_GET_SIZE(places); i++) {
        PyObject *value = at_place(values, places, i);
        if (value == NULL) {
            Py_CLEAR(made);
            break;
        }
        PyList_SET_ITEM(made, i, Py_NewRef(value == unknown ? Py_None : value));
    }
    return shown(made);
}

static PyObject *core_fits(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (takes(count, 2) < 0)
        return NULL;
    PyObject *values = given[0], *kinds = given[1];
    if (!PyList_Check(values) || !PyTuple_Check(kinds) || PyList_GET_SIZE(values) != PyTuple_GET_SIZE(kinds))
        return refuse("fits takes a list, and a tuple as long"), NULL;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(kinds); i++) {
        PyObject *kind = PyTuple_GET_ITEM(kinds, i);
        if (!PyAnySet_Check(kind))
            return refuse("a kind is a set of types"), NULL;
        if (PyList_GET_SIZE(values) != PyTuple_GET_SIZE(kinds))
            return refuse("values stay as they are"), NULL;
        PyObject *type = Py_NewRef((PyObject *)Py_TYPE(PyList_GET_ITEM(values, i)));
        int fits = PySet_Contains(kind, type);
        Py_DECREF(type);
        if (fits <= 0)
            return fits < 0 ? NULL : Py_NewRef(Py_False);
    }
    Py_RETURN_TRUE;
}

static PyObject *core_is_plain(PyObject *module, PyObject *values)
{
    if (!PyList_CheckExact(values) && !PyTuple_CheckExact(values))
        Py_RETURN_FALSE;
    PyObject **items = PySequence_Fast_ITEMS(values);
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(values); i++) {
        PyObject *value = items[i];
        int is_plain = PyFloat_CheckExact(value)
                           ? isfinite(PyFloat_AS_DOUBLE(value))
                           : PyLong_CheckExact(value) || PyUnicode_CheckExact(value) || PyBool_Check(value) || value == Py_None;
        if (!is_plain)
            Py_RETURN_FALSE;
    }
    Py_RETURN_TRUE;
}

static PyObject *core_columns(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (takes(count, 4) < 0)
        return NULL;
    PyObject *tables = given[0], *raw = given[1], *places = given[2];
    if (!PyTuple_Check(tables) || !(PyTuple_Check(raw) || PyList_Check(raw)) || !PyTuple_Check(places) ||
        PyTuple_GET_SIZE(tables) != PyTuple_GET_SIZE(places))
        return refuse("columns takes two tuples of one length, and a list or a tuple"), NULL;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tables); i++) {
        PyObject *value = Py_XNewRef(at_place(raw, places, i));
        if (value == NULL)
            return NULL;
        PyObject *column = PyObject_GetItem(PyTuple_GET_ITEM(tables, i), value);
        Py_DECREF(value);
        Py_ssize_t index = column == NULL ? -1 : index_below(column, PY_SSIZE_T_MAX);
        Py_XDECREF(column);
        npy_intp *found = index < 0 ? NULL : elements_of(given[3], NPY_LONG, PyTuple_GET_SIZE(tables), 1);
        if (found == NULL)
            return NULL;
        found[i] = index;
    }
    Py_RETURN_NONE;
}

static PyObject *core_numbers(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (takes(count, 3) < 0)
        return NULL;
    PyObject *raw = given[0], *places = given[1];
    if (!(PyTuple_Check(raw) || PyList_Check(raw)) || !PyTuple_Check(places))
        return refuse("numbers takes a list or a tuple, and a tuple of places"), NULL;
    Py_ssize_t length = PyTuple_GET_SIZE(places);
    double *numbers = elements_of(given[2], NPY_DOUBLE, length, 1);
    if (numbers == NULL)
        return NULL;
    PyObject *told = Py_True;
    for (Py_ssize_t i = 0; told == Py_True && i < length; i++) {
        PyObject *value = at_place(raw, places, i);
        if (value == NULL)
            told = NULL;
        else if (PyFloat_CheckExact(value))
            numbers[i] = PyFloat_AS_DOUBLE(value);
        else if (value == Py_None)
            numbers[i] = Py_NAN;
        else if (PyLong_CheckExact(value)) {
            double number = PyLong_AsDouble(value);
            if (number == -1.0 && PyErr_Occurred()) {
                PyErr_Clear(); /* too large for a double */
                told = Py_False;
            } else
                numbers[i] = number;
        } else
            told = Py_False;
    }
    return Py_XNewRef(told);
}

/* --- stages ------------------------------------------------------------------------------------------- */

static PyObject *core_tally(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (takes(count, 3) < 0)
        return NULL;
    PyObject *took = given[2];
    const double *bounds = elements_of(given[1], NPY_DOUBLE, 0, 0);
    if (bounds == NULL)
        return NULL;
    if (!PyTuple_Check(took))
        return refuse("tally takes counts, bounds, and a tuple of seconds"), NULL;
    npy_intp length = PyArray_DIM((PyArrayObject *)given[1], 0), row = length + 2;
    double *counts = elements_of(given[0], NPY_DOUBLE, row * PyTuple_GET_SIZE(took), 1);
    if (counts == NULL)
        return NULL;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(took); i++, counts += row) {
        PyObject *seconds = PyTuple_GET_ITEM(took, i);
        if (!PyFloat_Check(seconds))
            return refuse("seconds are floats"), NULL;
        npy_intp bucket = 0;
        while (bucket < length && bounds[bucket] < PyFloat_AS_DOUBLE(seconds))
            bucket++;
        counts[bucket] += 1.0;
        counts[row - 1] += PyFloat_AS_DOUBLE(seconds);
    }
    Py_RETURN_NONE;
}

/* --- frames of HTTP/2 (RFC 9113, section 4.1) ----------------------------------------------------------- */

enum { FRAME_HEADER = 9, DATA_FRAME = 0, HEADERS_FRAME = 1, END_STREAM = 1, END_HEADERS = 4 };

/* A frame whose body is of this length: its kind, flags, stream and body. */
static PyObject *frame_of(const unsigned char *head, Py_ssize_t length)
{
    unsigned long stream = (head[5] & 0x7fUL) << 24 | (unsigned long)head[6] << 16 | head[7] << 8 | head[8];
    PyObject *kind = PyLong_FromLong(head[3]), *flags = PyLong_FromLong(head[4]);
    PyObject *number = PyLong_FromUnsignedLong(stream);
    PyObject *body = PyBytes_FromStringAndSize((const char *)head + FRAME_HEADER, length), *made = NULL;
    if (kind != NULL && flags != NULL && number != NULL && body != NULL)
        made = PyTuple_Pack(4, kind, flags, number, body);
    Py_XDECREF(kind);
    Py_XDECREF(flags);
    Py_XDECREF(number);
    Py_XDECREF(body);
    return made;
}

static PyObject *core_frames(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (takes(count, 3) < 0)
        return NULL;
    if (!PyBytes_Check(given[0]))
        return refuse("frames are cut out of bytes"), NULL;
    Py_ssize_t size = PyBytes_GET_SIZE(given[0]), at = index_below(given[1], size + 1);
    Py_ssize_t most = at < 0 ? -1 : index_below(given[2], PY_SSIZE_T_MAX);
    PyObject *found = most < 0 ? NULL : PyList_New(0);
    while (found != NULL && size - at >= FRAME_HEADER) {
        const unsigned char *head = (const unsigned char *)PyBytes_AS_STRING(given[0]) + at;
        Py_ssize_t length = head[0] << 16 | head[1] << 8 | head[2];
        if (length > most) {
            at = -1;
            break;
        }
        if (size - at - FRAME_HEADER < length)
            break;
        append(&found, frame_of(head, length));
        at += FRAME_HEADER + length;
    }
    return found == NULL ? NULL : Py_BuildValue("Nn", found, at);
}

static char *put_frame(char *to, int kind, int flags, unsigned long stream, PyObject *body)
{
    Py_ssize_t length = PyBytes_GET_SIZE(body);
    const char head[FRAME_HEADER] = {
        (char)(length >> 16), (char)(length >> 8), (char)length, (char)kind, (char)flags,
        (char)(stream >> 24), (char)(stream >> 16), (char)(stream >> 8), (char)stream,
    };
    memcpy(to, head, FRAME_HEADER);
    memcpy(to + FRAME_HEADER, PyBytes_AS_STRING(body), length);
    return to + FRAME_HEADER + length;
}

static PyObject *core_reply(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (takes(count, 4) < 0)
        return NULL;
    Py_ssize_t stream = index_below(given[0], 1L << 31), size = 0;
    if (stream < 0)
        return NULL;
    for (int part = 1; part <= 3; part++) {
        if (!PyBytes_Check(given[part]) || PyBytes_GET_SIZE(given[part]) >= 1 << 24)
            return refuse("a reply is three bytes of less than 16 MiB"), NULL;
        size += FRAME_HEADER + PyBytes_GET_SIZE(given[part]);
    }
    PyObject *made = PyBytes_FromStringAndSize(NULL, size);
    if (made == NULL)
        return NULL;
    char *to = put_frame(PyBytes_AS_STRING(made), HEADERS_FRAME, END_HEADERS, stream, given[1]);
    to = put_frame(to, DATA_FRAME, 0, stream, given[2]);
    put_frame(to, HEADERS_FRAME, END_HEADERS | END_STREAM, stream, given[3]);
    return made;
}

/* --- named tuples ------------------------------------------------------------------------------------- */

/* The classes whose objects are made here, and how many fields they have; they are never let go of. */
enum { MOST_QUICK = 64 };
static struct {
    PyTypeObject *type;
    Py_ssize_t fields;
} quick[MOST_QUICK];
static int quick_count;

/* As the class is called anyway: by its __new__. */
static PyObject *called_slowly(PyObject *type, PyObject *const *given, Py_ssize_t count, PyObject *names)
{
    PyObject *arguments = PyTuple_New(count), *named = NULL, *made = NULL;
    if (arguments == NULL)
        return NULL;
    for (Py_ssize_t i = 0; i < count; i++)
        PyTuple_SET_ITEM(arguments, i, Py_NewRef(given[i]));
    if (names != NULL && (named = PyDict_New()) == NULL)
        goto done;
    for (Py_ssize_t i = 0; names != NULL && i < PyTuple_GET_SIZE(names); i++)
        if (PyDict_SetItem(named, PyTuple_GET_ITEM(names, i), given[count + i]) < 0)
            goto done;
    made = PyType_Type.tp_call(type, arguments, named);
done:
    Py_DECREF(arguments);
    Py_XDECREF(named);
    return made;
}

/* An object of a class: all fields in their order, and nothing else, go straight into it. */
static PyObject *called(PyObject *type, PyObject *const *given, size_t flags, PyObject *names)
{
    Py_ssize_t count = PyVectorcall_NARGS(flags), fields = -1;
    for (int one = 0; one < quick_count && fields < 0; one++)
        if ((PyObject *)quick[one].type == type)
            fields = quick[one].fields;
    if (names != NULL || count != fields)
        return called_slowly(type, given, count, names);
    PyObject *made = ((PyTypeObject *)type)->tp_alloc((PyTypeObject *)type, count);
    for (Py_ssize_t i = 0; made != NULL && i < count; i++)
        PyTuple_SET_ITEM(made, i, Py_NewRef(given[i]));
    return made;
}

static PyObject *core_quick(PyObject *module, PyObject *given)
{
    PyTypeObject *type = (PyTypeObject *)given;
    if (!PyType_Check(given) || type->tp_base != &PyTuple_Type || type->tp_basicsize != PyTuple_Type.tp_basicsize ||
        type->tp_dictoffset != 0 || type->tp_vectorcall != NULL || !(type->tp_flags & Py_TPFLAGS_HEAPTYPE))
        return refuse("quick takes a class of named tuples, once"), NULL;
    PyObject *fields = PyObject_GetAttrString(given, "_fields");
    if (fields == NULL)
        return NULL;
    Py_ssize_t count = PyTuple_Check(fields) ? PyTuple_GET_SIZE(fields) : refuse("_fields is a tuple");
    Py_DECREF(fields);
    if (count < 0)
        return NULL;
    if (quick_count < MOST_QUICK) {
        quick[quick_count].type = (PyTypeObject *)Py_NewRef(given);
        quick[quick_count++].fields = count;
        type->tp_vectorcall = called;
    }
    return Py_NewRef(given);
}

/* --- the module -------------------------------------------------------------------------------------- */

#define FUNCTION(name) {#name, (PyCFunction)(void (*)(void))core_##name, METH_FASTCALL, NULL}

static PyMethodDef methods[] = {
    {"register", core_register, METH_O, NULL},
    {"quick", core_quick, METH_O, NULL},
    FUNCTION(offers),
    FUNCTION(rows),
    FUNCTION(offer_bytes),
    FUNCTION(weigh),
    FUNCTION(slots),
    FUNCTION(cut),
    {"tests", core_tests, METH_O, NULL},
    FUNCTION(passing),
    FUNCTION(tally),
    FUNCTION(frames),
    FUNCTION(reply),
    FUNCTION(known),
    FUNCTION(lookup),
    FUNCTION(fits),
    {"is_plain", core_is_plain, METH_O, NULL},
    FUNCTION(columns),
    FUNCTION(numbers),
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "engine.native.core", "See engine/native/interpreted.py.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_core(void)
{
    return module_of(&definition);
}
