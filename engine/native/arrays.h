/* What a compiled function takes, read and checked: numpy's arrays, without copies, and numbers. */

#ifndef ATTUNE_ARRAYS_H
#define ATTUNE_ARRAYS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#include <numpy/arrayobject.h>
#include <math.h>
#include <string.h>

_Static_assert(sizeof(npy_intp) == 8 && sizeof(long) == 8 && sizeof(double) == 8, "indexes are longs of 64 bits");

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

#endif
