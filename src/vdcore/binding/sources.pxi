# SPDX-License-Identifier: Apache-2.0
# Sources scattered over the plane.

cdef const double *_table(View view, Py_ssize_t rows, Py_ssize_t columns) except? NULL:
    """The memory of a contiguous float64 array of shape (rows, columns)."""
    cdef const vd_image *image = &view.image
    if image.dtype != VD_F64 or (image.height, image.width, image.channels) != (rows, columns, 1) or (
        rows and columns and (image.column_stride, image.row_stride) != (8, 8 * columns)
    ):
        raise ValueError(f"the array must be contiguous float64 of shape {(rows, columns)}")
    return <const double *>image.data


@cython.final
@cython.internal
cdef class Sources:
    """A vd_sources over arrays that are held while the object lives."""
    cdef vd_sources sources
    cdef View positions, sigmas

    def __cinit__(self, positions, sigma, double eps, threads):
        cdef Py_ssize_t count = len(positions)
        _check(vd_sources_init(&self.sources, sizeof(vd_sources)))
        self.positions = View(positions)
        self.sources.count = count
        self.sources.positions = _table(self.positions, count, 2)
        if isinstance(sigma, tuple):
            self.sources.sigma_y, self.sources.sigma_x = sigma
        else:
            self.sigmas = View(sigma)
            self.sources.sigmas = _table(self.sigmas, count, 2)
        self.sources.eps = eps
        self.sources.threads = _threads(threads)


def scatter(positions, coefficients, field, sigma, double eps, threads=None):
    """field += the sum of the sources' kernels times their coefficients.

    positions is (N, 2), coefficients (N, channels), sigma (sigma_y, sigma_x) or (N, 2), all contiguous
    float64; field is float32 or float64.
    """
    cdef Sources sources = Sources(positions, sigma, eps, threads)
    cdef View coefficients_view = View(coefficients)
    cdef View field_view = View(field, True)
    cdef const double *values = _table(coefficients_view, len(positions), field_view.image.channels)
    cdef vd_status status
    with nogil:
        status = vd_sources_scatter(&sources.sources, values, &field_view.image)
    _check(status)


def gather(positions, field, sigma, double eps, threads=None):
    """The inner product of each source's kernel with the field, (N, channels) float64; see scatter."""
    cdef Sources sources = Sources(positions, sigma, eps, threads)
    cdef View field_view = View(field)
    products = np.empty((len(positions), field_view.image.channels))
    cdef View products_view = View(products, True)
    cdef double *values = <double *>products_view.image.data
    cdef vd_status status
    with nogil:
        status = vd_sources_gather(&sources.sources, &field_view.image, values)
    _check(status)
    return products
