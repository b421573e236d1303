/* SPDX-License-Identifier: Apache-2.0 */
/* An extension that was built against another version of the interface; it must not import. */
#include <Python.h>

#include <vdcore/vdcore.h>

#ifdef WANTED_MAJOR
#undef VD_ABI_MAJOR
#define VD_ABI_MAJOR WANTED_MAJOR
#endif
#ifdef WANTED_MINOR
#undef VD_ABI_MINOR
#define VD_ABI_MINOR WANTED_MINOR
#endif
#include <vdcore/vdcore_capi.h>

#define INIT_OF(name) PyInit_##name
#define INIT(name) INIT_OF(name)

static PyModuleDef definition = {PyModuleDef_HEAD_INIT, "wrong", NULL, -1, NULL, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC INIT(NAME)(void)
{
    if (vdcore_import() < 0)
        return NULL;
    return PyModule_Create(&definition);
}
