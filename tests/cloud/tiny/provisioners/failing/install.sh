#!/bin/bash
set -euo pipefail
echo "about to fail"
false
echo "never said"
