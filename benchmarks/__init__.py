# SPDX-License-Identifier: Apache-2.0
"""How fast and how good vdcore is: one module per question, all run by `python -m benchmarks`.

Every question is a module with ``run(options) -> Answer`` (`common.results`): rows for the table of results,
and where it takes one, further text. With ``options.tiny`` it runs once on tiny inputs, which shows that it
works and measures nothing.
"""
