"""The 25 mistakes of the walk-through of 2019: what was wrong, where it would live today, and the test that
catches it.

Each has a patch, a few lines of shell that put it back: where it lives in the image they are run as root on a
machine launched from the image, where it lives in the bake or the launch in a copy of this repository. A
number that lives in several places is there as often.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Home = Literal["image", "bake", "launch", "distribution"]

_UNITS = "/usr/lib/systemd/system"
_CONFIG = "/etc/jupyterhub/jupyterhub_config.py"
_RSYSLOG = "/etc/rsyslog.d/20-jupyterhub.conf"
_LOGROTATE = "/etc/logrotate.d/jupyterhub"
_PYTHON = "provisioners/python/files/usr/lib/hubsmith/python"
_DISTRIBUTIONS = "tests/cloud/distributions/test_distributions.py"
_AGAIN = (
    "systemctl restart rsyslog; truncate --size 0 /var/log/jupyterhub/*.log; systemctl restart jupyterhub "
    "jupyterhub-proxy"
)


@dataclass(frozen=True)
class Mistake:
    """One of them. ``tests`` are image tests (file::name), of the bake developers' tests."""

    number: int
    what: str
    home: Home
    tests: tuple[str, ...] = ()
    patch: str = ""


MISTAKES = (
    Mistake(
        1,
        "After= in [Service], where systemd ignores it",
        "image",
        ("test_service.py::test_systemd_finds_nothing_to_complain_about",),
        f"sed -i 's/^Restart=always/After=network.target\\n&/' {_UNITS}/jupyterhub.service",
    ),
    Mistake(
        2,
        "StandardOutput=syslog, obsolete",
        "image",
        ("test_service.py::test_systemd_finds_nothing_to_complain_about",),
        f"sed -i 's/^Restart=always/StandardOutput=syslog\\n&/' {_UNITS}/jupyterhub.service",
    ),
    Mistake(
        3,
        "the rsyslog file where rsyslog does not look",
        "image",
        ("test_logging.py::TestRunning::test_hub_and_proxy_have_a_file_each",),
        f"mkdir -p /etc/rsyslog && mv {_RSYSLOG} /etc/rsyslog/jupyterhub.conf; {_AGAIN}",
    ),
    Mistake(
        4,
        "one file for hub and proxy, none for users' servers",
        "image",
        ("test_logging.py::TestRunning::test_users_servers_have_one_with_their_names",),
        f'sed -i \'s/startswith "jupyter-"/startswith "nobody-"/\' {_RSYSLOG}; {_AGAIN}',
    ),
    Mistake(
        5,
        "a log folder its group may write to: logrotate skips it for ever",
        "image",
        ("test_logging.py::test_logrotate_finds_nothing_to_complain_about",),
        "chmod 775 /var/log/jupyterhub",
    ),
    Mistake(
        6,
        "daily, and then size, which replaces it",
        "image",
        ("test_logging.py::test_logrotate_finds_nothing_to_complain_about",),
        f"sed -i 's/maxsize/size/' {_LOGROTATE}",
    ),
    Mistake(
        7,
        "'deleted after 15 days', which a count of files does not do",
        "image",
        ("test_logging.py::TestRotation::test_what_is_older_than_a_fortnight_goes_however_few_there_are",),
        f"sed -i '/maxage/d' {_LOGROTATE}",
    ),
    Mistake(
        8,
        "create 0644 root root: everybody reads, and Ubuntu's rsyslog cannot write",
        "image",
        ("test_logging.py::TestRotation::test_old_ones_are_compressed_and_counted_and_lines_go_on",),
        f"sed -i 's/ missingok/ create 0644 root root\\n&/' {_LOGROTATE}",
    ),
    Mistake(
        9,
        "no postrotate: lines go on into the rotated file",
        "image",
        ("test_logging.py::TestRotation::test_old_ones_are_compressed_and_counted_and_lines_go_on",),
        f"sed -i '/rsyslog-rotate/s/^.*$/        true/' {_LOGROTATE}",
    ),
    Mistake(
        10,
        "names by the day: the second rotation of a day fails",
        "image",
        ("test_logging.py::TestRotation::test_old_ones_are_compressed_and_counted_and_lines_go_on",),
        f"sed -i 's/%d-%s/%d/' {_LOGROTATE}",
    ),
    Mistake(
        11,
        "rsyslog taken for granted",
        "image",
        ("test_logging.py::test_rsyslog_finds_nothing_to_complain_about",),
        "dpkg --purge --force-depends rsyslog",
    ),
    Mistake(
        12,
        "a wrapper script without exec: a shell is the main process",
        "image",
        ("test_service.py::TestRunning::test_the_main_process_is_the_program_itself",),
        "sed -i -E \"s#^ExecStart=(/opt/hub/bin/jupyterhub.*)#ExecStart=/bin/bash -c '\\1; true'#\" "
        f"{_UNITS}/jupyterhub.service;"
        " systemctl daemon-reload; systemctl restart jupyterhub",
    ),
    Mistake(
        13,
        "a unit changed and not read again; no limit of restarts",
        "image",
        (
            "test_service.py::TestRunning::test_systemd_knows_the_files_as_they_are",
            "test_service.py::test_they_give_up_when_they_fall_again_and_again",
        ),
        f"sed -i 's/^StartLimitBurst=.*/StartLimitBurst=0/' {_UNITS}/jupyterhub.service",
    ),
    Mistake(
        14,
        "renewal left to a cron job that systemd machines skip",
        "image",
        ("test_certificates.py::test_it_looks_twice_a_day",),
        "systemctl disable --now certbot-renew.timer",
    ),
    Mistake(
        15,
        "the distribution's certbot, too old to ask when to renew",
        "image",
        ("test_certificates.py::test_certbot_renews_when_lets_encrypt_says_so",),
        "printf '#!/bin/sh\\necho certbot 2.9.0\\n' > /opt/certbot/bin/certbot",
    ),
    Mistake(
        16,
        "renewal without a hook: the old certificate is served until it has expired",
        "image",
        ("test_certificates.py::test_a_new_certificate_is_served_and_no_notebook_notices",),
        "printf '#!/bin/sh\\ntrue\\n' > /usr/lib/hubsmith/deploy-certificate",
    ),
    Mistake(
        17,
        "a checksum for the eye, not enforced: of a wheel",
        "bake",
        ("tests/unit/provisioners/test_fetch_wheel.py",),
        "sed -i 's/ not in re.findall/ in [] and re.findall/' "
        "provisioners/python/files/usr/lib/hubsmith/fetch-wheel",
    ),
    Mistake(
        17,
        "a checksum for the eye, not enforced: of the installer",
        "bake",
        ("tests/unit/provisioners/test_fetch_installer.py",),
        "sed -i 's/:= _digest(part)) != wanted/:= _digest(part)) == 0/' "
        "provisioners/python/files/usr/lib/hubsmith/python/fetch-installer",
    ),
    *(
        Mistake(
            17,
            f"packages without their checksums: {script}",
            "bake",
            ("tests/unit/provisioners/test_locks.py",),
            f"sed -i 's/--require-hashes //' provisioners/{script}",
        )
        for script in (
            "jupyterhub/install.sh",
            "certificates/install.sh",
            *(f"python/files/usr/lib/hubsmith/python/{name}.sh" for name in ("venv", "conda")),
        )
    ),
    Mistake(
        17,
        "an installer that asks a person to press ENTER",
        "distribution",
        (f"{_DISTRIBUTIONS}::test_packages_of_conda_and_pip_are_there",),
        f'sed -i \'s/"$installer" -b -p/"$installer" -p/\' {_PYTHON}/conda.sh',
    ),
    Mistake(
        18,
        "code that the hub runs as root, writable by a group",
        "image",
        ("test_jupyterhub.py::TestInstallation::test_only_root_may_change_it",),
        "chgrp -R anaconda /opt/hub/lib && chmod -R g+w /opt/hub/lib",
    ),
    Mistake(
        18,
        "chmod -R 775: every file executable",
        "image",
        ("test_python.py::test_only_programs_are_executable",),
        "chmod -R 775 /opt/anaconda",
    ),
    Mistake(
        18,
        "the users' environment an account's that is not root",
        "distribution",
        (f"{_DISTRIBUTIONS}::test_nobody_else_may_change_it",),
        'sed -i \'s/^    let_group_install "$prefix"$/chown -R anaconda:anaconda "$prefix"; chmod -R 775 '
        '"$prefix"/\' provisioners/python/install.sh',
    ),
    Mistake(
        19,
        "conda create ends with a question about terms",
        "distribution",
        (f"{_DISTRIBUTIONS}::test_an_ordinary_user_makes_an_environment_and_is_asked_for_no_terms",),
        'sed -i \'/^    rm --recursive --force/a\\    sed -i "s/- .*/- defaults/" "$prefix/.condarc"\' '
        f"{_PYTHON}/conda.sh",
    ),
    Mistake(
        19,
        "users cannot use environments of their own",
        "image",
        ("jupyterhub/test_notebooks.py::test_an_environment_of_ones_own_is_a_kernel",),
        "rm /usr/local/bin/create-kernel",
    ),
    Mistake(
        20,
        "hub and users share one environment",
        "image",
        ("test_jupyterhub.py::TestInstallation::test_no_file_is_shared_with_the_users_environment",),
        "ln -f /opt/anaconda/lib/python3*/site-packages/jupyterhub/app.py $(ls "
        "/opt/hub/lib/python3*/site-packages/jupyterhub/app.py)",
    ),
    Mistake(
        20,
        "the hub and users' servers are of different versions",
        "image",
        ("test_jupyterhub.py::TestInstallation::test_servers_are_of_the_hubs_version",),
        "sed -i 's/^Version: .*/Version: 1.0.0/' "
        "/opt/anaconda/lib/python3*/site-packages/jupyterhub-*.dist-info/METADATA",
    ),
    Mistake(
        20,
        "two package managers write the same files",
        "distribution",
        (f"{_DISTRIBUTIONS}::test_what_conda_brought_is_left_to_it",),
        f"sed -i 's/if _plain(entry\\[1\\]) not in there and/if/' {_PYTHON}/not-there-yet",
    ),
    Mistake(
        21,
        "only ~/.bashrc knows the environment",
        "image",
        ("test_python.py::test_everyone_finds_it_in_a_login_shell",),
        "rm /etc/profile.d/hubsmith-python.sh",
    ),
    Mistake(
        21,
        "shells that are no login shells do not know conda",
        "distribution",
        (f"{_DISTRIBUTIONS}::test_every_shell_knows_conda",),
        f"sed -i 's/^    say_it_to_other_shells$/    true/' {_PYTHON}/conda.sh",
    ),
    Mistake(
        21,
        "users' servers are started without it",
        "image",
        ("test_jupyterhub.py::TestNotebook::test_programs_are_found_where_users_expect_them",),
        f"sed -i '/extra_paths/d' {_CONFIG}; systemctl restart jupyterhub",
    ),
    Mistake(
        22,
        "the hub's administrators are root by the name of their group",
        "image",
        ("test_base.py::test_administrators_of_the_hub_have_a_group_without_rights",),
        "echo '%hubadmins ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/hubadmins",
    ),
    Mistake(
        23,
        "hub passwords open ssh as well",
        "image",
        ("test_image.py::test_sshd_takes_keys_only",),
        "rm -f /etc/ssh/sshd_config.d/*; echo 'PasswordAuthentication yes' > /etc/ssh/sshd_config.d/01.conf",
    ),
    Mistake(
        23,
        "22 open to everybody, 80 closed",
        "launch",
        ("tests/unit/launch/test_security_group.py::test_users_reach_the_hub_and_nothing_else",),
        "sed -i 's/^PORTS = .*/PORTS = (443, 22)/' build/launch/security_group.py",
    ),
    Mistake(
        24,
        "the machine's credentials within reach of every notebook",
        "image",
        ("jupyterhub/test_isolation.py::TestOutOfReach::test_the_instances_credentials",),
        f"sed -i '/IPAddressDeny/d' {_CONFIG}; systemctl restart jupyterhub",
    ),
    Mistake(
        24,
        "credentials that may change every name of every zone",
        "launch",
        (
            "tests/unit/launch/test_role.py::test_every_action_of_the_contract_and_none_besides",
            "tests/unit/launch/test_role.py::test_only_the_challenge_of_this_one_name_can_be_written",
        ),
        "sed -i '/\"Condition\": /d; s/hostedzone.{zone.id}/*/' build/launch/role.py",
    ),
    Mistake(
        25,
        "an account that nothing uses, as if the hub ran as it",
        "image",
        ("test_image.py::test_there_is_no_account_that_nothing_uses",),
        "useradd --system jupyterhub",
    ),
)
