/* What both compiled modules are made with: arguments checked, numpy's arrays without copies, lists, the module. */

#ifndef ATTUNE_ARRAYS_H
#define ATTUNE_ARRAYS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#include <numpy/arrayobject.h>
#include <math.h>
#include <string.h>

_Static_assert(sizeof(npy_intp) == 8 && sizeof(long) == 8 && sizeof(double) == 8, "indexes are longs of 64 bits");

/* Raised with every change of what a function takes or gives; engine/native/__init__.py asks for it. */
#define VERSION 6

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

/* An array of `type` without gaps, aligned, in this machine's byte order, that may be written to if `writable`. */
static int is_array(PyObject *given, int type, int dimensions, int writable)
{
    if (!PyArray_Check(given))
        return 0;
    PyArrayObject *array = (PyArrayObject *)given;
    return PyArray_TYPE(array) == type && PyArray_NDIM(array) == dimensions &&
           (writable ? PyArray_ISCARRAY(array) : PyArray_ISCARRAY_RO(array));
}

/* Puts an item at the end of a list, and lets go of it; where there is no item, or no room, of the list too. */
static void append(PyObject **list, PyObject *item)
{
    if (item == NULL || PyList_Append(*list, item) < 0)
        Py_CLEAR(*list);
    Py_XDECREF(item);
}

/* The module, once numpy's functions can be called. */
static PyObject *module_of(PyModuleDef *definition)
{
    import_array();
    PyObject *module = PyModule_Create(definition);
    if (module != NULL && PyModule_AddIntConstant(module, "VERSION", VERSION) < 0)
        Py_CLEAR(module);
    return module;
}

#endif
