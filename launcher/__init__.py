"""The launcher: installs, starts, watches, upgrades and stops one installation. Standard library only.

It runs before anything is installed, so it may import nothing that pip brings. What needs the installed
packages (SQL, Django commands) is run as a child with the environment's own interpreter.
"""
