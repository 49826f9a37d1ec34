"""What a page draws of each section: a function from a context to exhibits, one file a subject.

A chart is made from the rows of the table behind it, so that the two cannot differ.
"""
