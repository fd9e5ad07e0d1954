#!/bin/bash
set -euo pipefail
echo "panicking now"
sleep 1
echo c > /proc/sysrq-trigger
sleep 3600
