# SPDX-License-Identifier: Apache-2.0
"""Exit with an error unless two wheels hold the same files with the same bytes.

Usage: same_wheel.py FIRST.whl SECOND.whl
"""

import sys
import zipfile


def contents(path):
    with zipfile.ZipFile(path) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist()}


def main():
    first, second = (contents(path) for path in sys.argv[1:3])
    names = sorted(first.keys() | second.keys())
    different = [name for name in names if first.get(name) != second.get(name)]
    if different:
        sys.exit(f"{sys.argv[1]} and {sys.argv[2]} differ in {', '.join(different)}")
    print(f"the same {len(names)} files in both wheels")


if __name__ == "__main__":
    main()
