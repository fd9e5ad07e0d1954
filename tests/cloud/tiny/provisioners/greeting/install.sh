#!/bin/bash
set -euo pipefail
echo "greeting $WHOM"
cp /etc/greeting/text /etc/greeting/copy
