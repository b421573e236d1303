# SPDX-License-Identifier: Apache-2.0
"""How fast vdcore is: one module per question, all of them run by `python -m benchmarks`.

Every module has ``run(tiny, folder) -> list[Row]``: it returns its rows of the speed table and may write
plots into the folder. With `tiny` it does the same once on tiny inputs, which shows that it works, not how
fast anything is.
"""
