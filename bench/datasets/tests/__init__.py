# SPDX-License-Identifier: Apache-2.0
"""Tests of the recipes: no network, no model unless it is installed, a few seconds in all."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
