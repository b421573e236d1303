# SPDX-License-Identifier: Apache-2.0
"""What the questions share: inputs, peers, timing, results."""
