"""In a consumer's container: change its faults. Arguments: the port of its lifecycle API, the faults as JSON."""

import sys
import urllib.error
import urllib.request

port, faults = sys.argv[1:]
asked = urllib.request.Request(f"http://127.0.0.1:{port}/faults", faults.encode(), method="PUT")
try:
    urllib.request.urlopen(asked, timeout=10).read()
except urllib.error.HTTPError as error:
    sys.exit(f"{error.code}: {error.read().decode(errors='replace')}")
except OSError as error:
    sys.exit(str(error))
