#!/bin/bash
set -euo pipefail
mkdir -p /etc/farewell
echo "$WORDS" > /etc/farewell/text
