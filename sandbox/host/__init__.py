"""A Functions host for one app, on the worker library of Azure: for demonstrations, development and tests.

`python -m sandbox.host --app DIR` and `running_host` run it as a process; `FunctionsHost` in this one.
"""
