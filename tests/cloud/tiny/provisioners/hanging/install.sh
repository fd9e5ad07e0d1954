#!/bin/bash
set -euo pipefail
echo "hanging now"
sleep 3600
