/* What a decision does once for each offer, treatment and attribute, without the interpreter.

   Every function does what its namesake in interpreted.py does, to the same bits; what each is for, and
   what it takes, is said there. Tests compare the two. Nothing here waits, lets go of the interpreter, or
   keeps anything from one call to the next but the layout of engine.model.Offer, which `register` reads.
   Whatever is not as it must be raises TypeError, ValueError or IndexError, and nothing is changed.

   tools/native.py compiles it. Floating point must stay as written: -ffp-contract=off. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <math.h>
#include <string.h>

/* Raised with every change of what a function takes or gives; engine/native/__init__.py asks for it. */
#define VERSION 1

/* --- offers: objects with slots, read and written where the slots are ------------------------------ */

enum { ACTION_ID, TREATMENT_ID, ISSUE, GROUP, RANK, PRIORITY, PROPENSITY, VALUE, PROBABILITY, CONTENT, BUNDLE, FIELDS };

static const char *const field_names[FIELDS] = {
    "action_id", "treatment_id", "issue", "group", "rank", "priority",
    "propensity", "value", "probability", "content", "bundle",
};
static PyTypeObject *offer_type;
static Py_ssize_t field_offsets[FIELDS];

#define FIELD(offer, field) (*(PyObject **)((char *)(offer) + field_offsets[field]))

/* A card's fields, see engine.decide._Card. */
enum { CARD_ACTION_ID, CARD_TREATMENT_ID, CARD_ISSUE, CARD_GROUP, CARD_TEXTS, CARD_RENDER, CARD_FIELDS };

/* What is kept of an offer's bytes, see engine.native.interpreted.Fixed. */
enum { FIXED_CONTENT, FIXED_BUNDLE, FIXED_HEAD, FIXED_FIELDS };

static int refuse(const char *what)
{
    PyErr_SetString(PyExc_TypeError, what);
    return -1;
}

static int takes(Py_ssize_t given, Py_ssize_t wanted)
{
    if (given == wanted)
        return 0;
    PyErr_Format(PyExc_TypeError, "takes %zd arguments, not %zd", wanted, given);
    return -1;
}

static PyObject *core_register(PyObject *module, PyObject *type)
{
    Py_ssize_t offsets[FIELDS];
    if (!PyType_Check(type))
        return refuse("register takes a class"), NULL;
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

/* --- columns: arrays of doubles with one dimension, also one number under every index --------------- */

static int read_column(PyObject *array, Py_buffer *column)
{
    if (PyObject_GetBuffer(array, column, PyBUF_STRIDES | PyBUF_FORMAT) < 0)
        return -1;
    if (column->ndim == 1 && column->itemsize == sizeof(double) && strcmp(column->format, "d") == 0)
        return 0;
    PyBuffer_Release(column);
    return refuse("a column is an array of doubles with one dimension");
}

static double at(const Py_buffer *column, Py_ssize_t index)
{
    return *(const double *)((const char *)column->buf + index * column->strides[0]);
}

/* An index below `count`, or -1 with an exception. */
static Py_ssize_t index_below(PyObject *number, Py_ssize_t count)
{
    if (!PyLong_Check(number))
        return refuse("an index is an int");
    Py_ssize_t index = PyNumber_AsSsize_t(number, PyExc_IndexError);
    if (index >= 0 && index < count)
        return index;
    if (!PyErr_Occurred())
        PyErr_Format(PyExc_IndexError, "there is no %zd among %zd", index, count);
    return -1;
}

/* --- offers ------------------------------------------------------------------------------------------ */

enum { OF_PRODUCT, OF_VALUE, OF_PROPENSITIES, OF_COLUMNS };

static PyObject *offer_of(
    PyObject *chosen, PyObject *cards, PyObject *action_of, const Py_buffer *columns, int asked, int by_propensity,
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
    Py_ssize_t action = index_below(PyTuple_GET_ITEM(action_of, treatment), columns[OF_PRODUCT].shape[0]);
    if (action < 0)
        return NULL;
    double propensity = asked ? at(&columns[OF_PROPENSITIES], action) : 0.0;
    double worth = at(&columns[OF_PRODUCT], action);
    PyObject *offer = offer_type->tp_alloc(offer_type, 0);
    if (offer == NULL)
        return NULL;
    FIELD(offer, ACTION_ID) = Py_NewRef(PyTuple_GET_ITEM(card, CARD_ACTION_ID));
    FIELD(offer, TREATMENT_ID) = Py_NewRef(PyTuple_GET_ITEM(card, CARD_TREATMENT_ID));
    FIELD(offer, ISSUE) = Py_NewRef(PyTuple_GET_ITEM(card, CARD_ISSUE));
    FIELD(offer, GROUP) = Py_NewRef(PyTuple_GET_ITEM(card, CARD_GROUP));
    FIELD(offer, RANK) = PyLong_FromSsize_t(rank);
    FIELD(offer, PRIORITY) = PyFloat_FromDouble(asked && by_propensity ? propensity * worth : worth);
    FIELD(offer, PROPENSITY) = PyFloat_FromDouble(propensity);
    FIELD(offer, VALUE) = PyFloat_FromDouble(at(&columns[OF_VALUE], action));
    FIELD(offer, PROBABILITY) = Py_NewRef(PyTuple_GET_ITEM(chosen, 1));
    PyObject *texts = PyTuple_GET_ITEM(card, CARD_TEXTS);
    FIELD(offer, CONTENT) =
        texts != Py_None ? Py_NewRef(texts) : PyObject_CallOneArg(PyTuple_GET_ITEM(card, CARD_RENDER), values);
    FIELD(offer, BUNDLE) = Py_NewRef(PyTuple_GET_ITEM(chosen, 2));
    if (FIELD(offer, RANK) && FIELD(offer, PRIORITY) && FIELD(offer, PROPENSITY) && FIELD(offer, VALUE) &&
        FIELD(offer, CONTENT))
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
    Py_buffer columns[OF_COLUMNS];
    int held = 0, wanted = asked ? OF_COLUMNS : OF_COLUMNS - 1;
    PyObject *made = NULL;
    for (; held < wanted; held++)
        if (read_column(given[3 + held], &columns[held]) < 0)
            goto done;
    for (int other = 1; other < wanted; other++)
        if (columns[other].shape[0] != columns[0].shape[0]) {
            refuse("columns are of one length");
            goto done;
        }
    made = PyList_New(0);
    for (Py_ssize_t rank = 1; made != NULL && rank <= PyList_GET_SIZE(chosen); rank++) {
        PyObject *one = PyList_GET_ITEM(chosen, rank - 1);
        PyObject *offer = offer_of(one, cards, action_of, columns, asked, by_propensity, given[7], rank);
        if (offer == NULL || PyList_Append(made, offer) < 0)
            Py_CLEAR(made);
        Py_XDECREF(offer);
    }
done:
    while (held > 0)
        PyBuffer_Release(&columns[--held]);
    return made;
}

static PyObject *core_rows(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (takes(count, 2) < 0)
        return NULL;
    PyObject *offers = given[0], *wanted = given[1];
    if (offer_type == NULL || !PyList_Check(offers) || !PyBytes_Check(wanted))
        return refuse("rows takes a list of offers, and bytes"), NULL;
    Py_ssize_t width = PyBytes_GET_SIZE(wanted), length = PyList_GET_SIZE(offers);
    const unsigned char *fields = (const unsigned char *)PyBytes_AS_STRING(wanted);
    for (Py_ssize_t place = 0; place < width; place++)
        if (fields[place] >= FIELDS)
            return PyErr_Format(PyExc_IndexError, "an offer has no field %d", fields[place]);
    PyObject *made = PyList_New(length);
    for (Py_ssize_t i = 0; made != NULL && i < length; i++) {
        PyObject *offer = PyList_GET_ITEM(offers, i);
        PyObject *row = is_whole_offer(offer) ? PyTuple_New(width) : NULL;
        if (row == NULL) {
            Py_CLEAR(made);
            break;
        }
        for (Py_ssize_t place = 0; place < width; place++)
            PyTuple_SET_ITEM(row, place, Py_NewRef(FIELD(offer, fields[place])));
        PyList_SET_ITEM(made, i, row);
    }
    return made;
}

/* The kept bytes of an offer if they still are its own, borrowed; NULL without an exception if not. */
static PyObject *kept_head(PyObject *kept, PyObject *key, PyObject *offer)
{
    PyObject *fixed = PyDict_GetItemWithError(kept, key);
    if (fixed == NULL)
        return NULL;
    if (!PyTuple_Check(fixed) || PyTuple_GET_SIZE(fixed) != FIXED_FIELDS ||
        !PyBytes_Check(PyTuple_GET_ITEM(fixed, FIXED_HEAD)))
        return refuse("what is kept is content, bundle and bytes"), NULL;
    if (PyTuple_GET_ITEM(fixed, FIXED_CONTENT) != FIELD(offer, CONTENT))
        return NULL;
    int same = PyObject_RichCompareBool(PyTuple_GET_ITEM(fixed, FIXED_BUNDLE), FIELD(offer, BUNDLE), Py_EQ);
    return same > 0 ? PyTuple_GET_ITEM(fixed, FIXED_HEAD) : NULL;
}

/* The numbers of an offer, each after its tag: a varint of always two bytes, and doubles, lowest byte first. */
enum { RANK_BYTES = 3, DOUBLE_BYTES = 9, NUMBER_BYTES = RANK_BYTES + 4 * DOUBLE_BYTES };

static int write_numbers(char *to, PyObject *offer)
{
    long rank = PyLong_AsLong(FIELD(offer, RANK));
    if (rank < 0 || rank >= 1 << 14) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "a rank has 14 bits");
        return -1;
    }
    *to++ = 0x28;
    *to++ = (char)((rank & 0x7f) | 0x80);
    *to++ = (char)(rank >> 7);
    for (int field = PRIORITY; field <= PROBABILITY; field++) {
        double number = PyFloat_AsDouble(FIELD(offer, field));
        if (number == -1.0 && PyErr_Occurred())
            return -1;
        *to++ = (char)(0x31 + 8 * (field - PRIORITY));
        if (PyFloat_Pack8(number, to, 1) < 0)
            return -1;
        to += sizeof(double);
    }
    return 0;
}

static PyObject *core_offer_bytes(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (takes(count, 4) < 0)
        return NULL;
    PyObject *offers = given[0], *kept = given[1], *placement = given[2], *head_of = given[3];
    if (offer_type == NULL || !PyList_Check(offers) || !PyDict_Check(kept) || !PyUnicode_Check(placement))
        return refuse("offer_bytes takes a list of offers, a dict, a str and a function"), NULL;
    Py_ssize_t length = PyList_GET_SIZE(offers), size = 0;
    PyObject *heads = PyTuple_New(length), *made = NULL;
    if (heads == NULL)
        return NULL;
    for (Py_ssize_t i = 0; i < length; i++) {
        PyObject *offer = PyList_GET_ITEM(offers, i);
        if (!is_whole_offer(offer))
            goto done;
        PyObject *key = PyObject_IsTrue(FIELD(offer, TREATMENT_ID)) == 1 ? FIELD(offer, TREATMENT_ID) : placement;
        PyObject *head = Py_XNewRef(kept_head(kept, key, offer));
        if (head == NULL && !PyErr_Occurred()) {
            head = PyObject_CallOneArg(head_of, offer);
            PyObject *fixed = head == NULL ? NULL : PyTuple_Pack(FIXED_FIELDS, FIELD(offer, CONTENT), FIELD(offer, BUNDLE), head);
            if (fixed == NULL || PyDict_SetItem(kept, key, fixed) < 0)
                Py_CLEAR(head);
            Py_XDECREF(fixed);
        }
        if (head == NULL)
            goto done;
        PyTuple_SET_ITEM(heads, i, head);
        if (!PyBytes_Check(head) || PyList_GET_SIZE(offers) != length) {
            refuse("a head is bytes, and offers stay as they are");
            goto done;
        }
        size += PyBytes_GET_SIZE(head) + NUMBER_BYTES;
    }
    made = PyBytes_FromStringAndSize(NULL, size);
    if (made == NULL)
        goto done;
    char *to = PyBytes_AS_STRING(made);
    for (Py_ssize_t i = 0; i < length; i++) {
        PyObject *head = PyTuple_GET_ITEM(heads, i);
        memcpy(to, PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head));
        to += PyBytes_GET_SIZE(head);
        if (write_numbers(to, PyList_GET_ITEM(offers, i)) < 0) {
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

/* An array of indexes or doubles without gaps, of so many elements at least. */
static int read_array(PyObject *array, Py_buffer *buffer, const char *format, Py_ssize_t least, int writable)
{
    if (PyObject_GetBuffer(array, buffer, PyBUF_ND | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0)) < 0)
        return -1;
    if (buffer->itemsize == 8 && strcmp(buffer->format, format) == 0 && buffer->len >= 8 * least)
        return 0;
    PyBuffer_Release(buffer);
    return refuse("an array is of another kind, or too short");
}

static PyObject *core_weigh(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    enum { ACTION_OF, PROPENSITIES, FLOORS, PRODUCT, TIES, ADMITTED, PRIORITIES, ARRAYS };
    static const char *const formats[ARRAYS] = {"l", "d", "d", "d", "l", "l", "d"};
    static const int places[ARRAYS] = {1, 2, 3, 4, 5, 7, 8};
    if (takes(count, 9) < 0)
        return NULL;
    PyObject *treatments = given[0], *found = NULL;
    int by_propensity = PyObject_IsTrue(given[6]), held = 0;
    if (by_propensity < 0)
        return NULL;
    if (!PyList_Check(treatments))
        return refuse("treatments are a list"), NULL;
    Py_ssize_t room = PyList_GET_SIZE(treatments), admitted = 0, actions = 0;
    Py_buffer arrays[ARRAYS];
    for (; held < ARRAYS; held++) {
        Py_ssize_t least = held == ADMITTED ? 3 * room : held == PRIORITIES ? room : held == ACTION_OF ? 0 : actions;
        if (read_array(given[places[held]], &arrays[held], formats[held], least, held >= ADMITTED) < 0)
            goto done;
        if (held == PROPENSITIES)
            actions = arrays[held].len / 8;
    }
    const Py_ssize_t *action_of = arrays[ACTION_OF].buf, *ties = arrays[TIES].buf;
    const double *propensities = arrays[PROPENSITIES].buf, *floors = arrays[FLOORS].buf, *product = arrays[PRODUCT].buf;
    Py_ssize_t *rows = arrays[ADMITTED].buf;
    double *priorities = arrays[PRIORITIES].buf;
    for (Py_ssize_t i = 0; i < room; i++) {
        Py_ssize_t treatment = index_below(PyList_GET_ITEM(treatments, i), arrays[ACTION_OF].len / 8);
        if (treatment < 0)
            goto done;
        Py_ssize_t action = action_of[treatment];
        if (action < 0 || action >= actions) {
            PyErr_Format(PyExc_IndexError, "there is no action %zd", action);
            goto done;
        }
        double worth = product[action];
        if (!(propensities[action] >= floors[action]) || isnan(worth))
            continue;
        rows[admitted] = treatment;
        rows[room + admitted] = action;
        rows[2 * room + admitted] = ties[action];
        priorities[admitted++] = by_propensity ? propensities[action] * worth : worth;
    }
    found = PyLong_FromSsize_t(admitted);
done:
    while (held > 0)
        PyBuffer_Release(&arrays[--held]);
    return found;
}

static PyObject *core_slots(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (takes(count, 2) < 0)
        return NULL;
    PyObject *picks = given[0], *made = NULL, *alone = NULL;
    Py_buffer treatments;
    if (!PyList_Check(picks))
        return refuse("picks are a list"), NULL;
    if (PyObject_GetBuffer(given[1], &treatments, PyBUF_STRIDES | PyBUF_FORMAT) < 0)
        return NULL;
    if (treatments.ndim != 1 || treatments.itemsize != sizeof(Py_ssize_t) || strcmp(treatments.format, "l") != 0) {
        refuse("treatments are an array of indexes with one dimension");
        goto done;
    }
    alone = PyUnicode_FromStringAndSize(NULL, 0);
    made = alone == NULL ? NULL : PyList_New(PyList_GET_SIZE(picks));
    for (Py_ssize_t i = 0; made != NULL && i < PyList_GET_SIZE(made); i++) {
        PyObject *pick = PyList_GET_ITEM(picks, i), *slot = NULL, *treatment = NULL;
        Py_ssize_t place = -1;
        if (!PyTuple_Check(pick) || PyTuple_GET_SIZE(pick) != 2)
            refuse("a pick is a position and a probability");
        else
            place = index_below(PyTuple_GET_ITEM(pick, 0), treatments.shape[0]);
        if (place >= 0)
            treatment = PyLong_FromSsize_t(*(Py_ssize_t *)((char *)treatments.buf + place * treatments.strides[0]));
        if (treatment != NULL)
            slot = PyTuple_Pack(3, treatment, PyTuple_GET_ITEM(pick, 1), alone);
        Py_XDECREF(treatment);
        if (slot == NULL)
            Py_CLEAR(made);
        else
            PyList_SET_ITEM(made, i, slot);
    }
done:
    Py_XDECREF(alone);
    PyBuffer_Release(&treatments);
    return made;
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
    PyObject *made = PyList_New(length);
    for (Py_ssize_t i = 0; made != NULL && i < length; i++) {
        PyObject *value = PyDict_GetItemWithError(attributes, PyTuple_GET_ITEM(names, i));
        if (value == NULL && PyErr_Occurred()) {
            Py_CLEAR(made);
            break;
        }
        PyList_SET_ITEM(made, i, Py_NewRef(value == NULL ? PyTuple_GET_ITEM(absent, i) : value));
    }
    return made;
}

static PyObject *core_known(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (takes(count, 3) < 0)
        return NULL;
    PyObject *values = given[0], *places = given[1], *unknown = given[2];
    if (!(PyTuple_Check(values) || PyList_Check(values)) || !PyTuple_Check(places))
        return refuse("known takes a list or a tuple, and a tuple of places"), NULL;
    PyObject *made = PyList_New(PyTuple_GET_SIZE(places));
    for (Py_ssize_t i = 0; made != NULL && i < PyTuple_GET_SIZE(places); i++) {
        Py_ssize_t place = index_below(PyTuple_GET_ITEM(places, i), PySequence_Fast_GET_SIZE(values));
        if (place < 0) {
            Py_CLEAR(made);
            break;
        }
        PyObject *value = PySequence_Fast_ITEMS(values)[place];
        PyList_SET_ITEM(made, i, Py_NewRef(value == unknown ? Py_None : value));
    }
    return made;
}

static PyObject *core_fits(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (takes(count, 2) < 0)
        return NULL;
    PyObject *values = given[0], *kinds = given[1];
    if (!PyList_Check(values) || !PyTuple_Check(kinds) || PyList_GET_SIZE(values) != PyTuple_GET_SIZE(kinds))
        return refuse("fits takes a list, and a tuple as long"), NULL;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(kinds); i++) {
        PyObject *kind = PyTuple_GET_ITEM(kinds, i), *type = (PyObject *)Py_TYPE(PyList_GET_ITEM(values, i));
        if (!PyAnySet_Check(kind))
            return refuse("a kind is a set of types"), NULL;
        int fits = PySet_Contains(kind, type);
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

static PyObject *core_numbers(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (takes(count, 3) < 0)
        return NULL;
    PyObject *raw = given[0], *places = given[1];
    if (!(PyTuple_Check(raw) || PyList_Check(raw)) || !PyTuple_Check(places))
        return refuse("numbers takes a list or a tuple, and a tuple of places"), NULL;
    Py_ssize_t length = PyTuple_GET_SIZE(places);
    Py_buffer found;
    if (read_array(given[2], &found, "d", length, 1) < 0)
        return NULL;
    double *numbers = found.buf;
    PyObject *told = Py_True;
    for (Py_ssize_t i = 0; told == Py_True && i < length; i++) {
        Py_ssize_t place = index_below(PyTuple_GET_ITEM(places, i), PySequence_Fast_GET_SIZE(raw));
        PyObject *value = place < 0 ? NULL : PySequence_Fast_ITEMS(raw)[place];
        if (value == NULL)
            told = NULL;
        else if (PyFloat_CheckExact(value))
            numbers[i] = PyFloat_AS_DOUBLE(value);
        else if (value == Py_None)
            numbers[i] = Py_NAN;
        else if (PyLong_CheckExact(value)) {
            numbers[i] = PyLong_AsDouble(value);
            if (numbers[i] == -1.0 && PyErr_Occurred()) {
                PyErr_Clear(); /* too large for a double */
                told = Py_False;
            }
        } else
            told = Py_False;
    }
    PyBuffer_Release(&found);
    return Py_XNewRef(told);
}

/* --- the module -------------------------------------------------------------------------------------- */

static PyMethodDef methods[] = {
    {"register", core_register, METH_O, NULL},
    {"offers", (PyCFunction)(void (*)(void))core_offers, METH_FASTCALL, NULL},
    {"rows", (PyCFunction)(void (*)(void))core_rows, METH_FASTCALL, NULL},
    {"offer_bytes", (PyCFunction)(void (*)(void))core_offer_bytes, METH_FASTCALL, NULL},
    {"weigh", (PyCFunction)(void (*)(void))core_weigh, METH_FASTCALL, NULL},
    {"slots", (PyCFunction)(void (*)(void))core_slots, METH_FASTCALL, NULL},
    {"known", (PyCFunction)(void (*)(void))core_known, METH_FASTCALL, NULL},
    {"lookup", (PyCFunction)(void (*)(void))core_lookup, METH_FASTCALL, NULL},
    {"fits", (PyCFunction)(void (*)(void))core_fits, METH_FASTCALL, NULL},
    {"is_plain", core_is_plain, METH_O, NULL},
    {"numbers", (PyCFunction)(void (*)(void))core_numbers, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "engine.native.core", "See engine/native/interpreted.py.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_core(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module != NULL && PyModule_AddIntConstant(module, "VERSION", VERSION) < 0)
        Py_CLEAR(module);
    return module;
}
