#include "kernels.h"
const vd_kernels *vd_kernels_neon(void) { return NULL; }
