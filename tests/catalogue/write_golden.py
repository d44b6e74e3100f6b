"""Write the golden file of each version that was not released yet: ``python -m tests.catalogue.write_golden``.

With ``--release`` those are released from now on, and their files never change again.
"""

import hashlib
import json
import sys

from citizen_services.catalogue.describe import golden
from tests.catalogue.test_versions import GOLDEN, RELEASED, VERSIONS, released

if __name__ == "__main__":
    for version, item in VERSIONS.items():
        name = f"{version}.json"
        if name not in released():
            text = json.dumps(golden(item), ensure_ascii=False, indent=1) + "\n"
            (GOLDEN / name).write_text(text, encoding="utf-8")
    if "--release" in sys.argv:
        digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(GOLDEN.glob("*.json"))}
        RELEASED.write_text("".join(f"{digest}  {name}\n" for name, digest in digests.items()), encoding="utf-8")
