"""What a test is made of, as data: programs, values, calls, histories, and what draws them.

Everything here prints as a plain script, and runs on any library that has the interface.
"""
