"""The machines: QEMU, their disks, addresses and metadata service. Knows neither moto nor boto3."""
