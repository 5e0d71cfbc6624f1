"""Dated, approved exceptions to one gate for one run, and the monthly meeting that reviews them."""
