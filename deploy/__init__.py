"""Set-up of an installation: virtual environment, page libraries, embedded servers, supervisor, tools of the tests."""
