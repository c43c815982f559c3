# SPDX-License-Identifier: GPL-2.0-only
"""`lp vm`: a stock Debian kernel in QEMU, on this machine's own files.

packages: Debian packages through a private apt. kernels: images and headers, fetched once.
kbuild: external modules against those headers. cpio, initramfs: what the guest starts from.
share: this machine's files, over virtiofs. qemu: the command line. console: what a kernel's log
says went wrong. guest: one run from start to end. command: `lp vm`.
"""
