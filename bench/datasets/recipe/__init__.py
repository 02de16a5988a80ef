# SPDX-License-Identifier: Apache-2.0
"""Recipes that make the benchmark data sets from Debian packages and a packaged model."""

# Raised whenever the same inputs would give other rows, ids, payloads or vectors.
RECIPE_VERSION = 1
