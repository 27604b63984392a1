"""A Functions host for one app, on Azure's worker library: for demos, development and tests.

`python -m sandbox.host --app DIR` and `running_host` run it as a process, `FunctionsHost` in this one.
"""
