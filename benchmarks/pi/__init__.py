"""Emulated Raspberry Pis: Debian and aarch64 wheels below a folder, run by qemu-user. The tests use them as well."""
