"""A portal of its own, its users, and everything that can go wrong at once: `python -m tests.chaos`.

services.py starts the real processes, load.py does what people do, trouble.py disturbs, witness.py judges from the
sandbox's own log and the database, report.py tells.
"""
