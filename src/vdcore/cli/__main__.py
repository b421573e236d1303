# SPDX-License-Identifier: Apache-2.0
"""``python -m vdcore.cli``, the same as ``vdcore``."""

import sys

from .app import main

sys.exit(main())
