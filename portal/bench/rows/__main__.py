"""Fill two databases, that of DATABASE_URL and another, and print what was measured as JSON.

Started by portal.bench.rows alone, with the other's URL, and how many finished runs each is to have.
"""

import json
import sys

import django

if __name__ == "__main__":
    django.setup()
    from portal.bench.rows import filled

    other, few, many = sys.argv[1:]
    sys.stdout.write(json.dumps(filled.measure(other, int(few), int(many))))
