/* SPDX-License-Identifier: Apache-2.0 */
/* An outside extension in plain C, for the limited API. */
#include <Python.h>

#include <vdcore/vdcore_capi.h>

/* The image at frames[t] of a buffer of shape (T, H, W, C). */
static vd_image image_at(const Py_buffer *frames, Py_ssize_t t)
{
    vd_image image;
    image.data = (char *)frames->buf + t * frames->strides[0];
    image.dtype = frames->format[0] == 'B' ? VD_U8 : VD_F32;
    image.reserved = 0;
    image.height = frames->shape[1];
    image.width = frames->shape[2];
    image.channels = frames->shape[3];
    image.row_stride = frames->strides[1];
    image.column_stride = frames->strides[2];
    image.channel_stride = frames->strides[3];
    return image;
}

static vd_status push_all(const Py_buffer *frames, const Py_buffer *out, double sigma, double tau)
{
    vd_params params;
    vd_diffuser *diffuser;
    vd_params_init(&params, sizeof params);
    params.sigma_y = params.sigma_x = sigma;
    params.tau = tau;
    vd_status status = vd_diffuser_create(&diffuser, &params);
    for (Py_ssize_t t = 0; t < frames->shape[0] && status == VD_OK; t++) {
        vd_frame frame = {sizeof frame, image_at(frames, t), 1.0, NULL, NULL};
        vd_image target = image_at(out, t);
        status = vd_diffuser_push(diffuser, &frame, &target, NULL);
    }
    vd_diffuser_destroy(diffuser);
    return status;
}

/* diffuse(frames, out, sigma, tau): uint8 or float32 buffers of shape (T, H, W, C), any strides. */
static PyObject *diffuse(PyObject *module, PyObject *arguments)
{
    PyObject *frames_object, *out_object;
    Py_buffer frames, out;
    double sigma, tau;
    vd_status status;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOdd", &frames_object, &out_object, &sigma, &tau))
        return NULL;
    if (PyObject_GetBuffer(frames_object, &frames, PyBUF_RECORDS_RO) < 0)
        return NULL;
    if (PyObject_GetBuffer(out_object, &out, PyBUF_RECORDS) < 0) {
        PyBuffer_Release(&frames);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS status = push_all(&frames, &out, sigma, tau);
    Py_END_ALLOW_THREADS PyBuffer_Release(&frames);
    PyBuffer_Release(&out);
    if (status != VD_OK)
        return PyErr_Format(PyExc_ValueError, "%s", vd_status_text(status));
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"diffuse", diffuse, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static PyModuleDef definition = {PyModuleDef_HEAD_INIT, "embed_c", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_embed_c(void)
{
    if (vdcore_import() < 0)
        return NULL;
    return PyModule_Create(&definition);
}
