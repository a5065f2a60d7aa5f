"""What was said, beside what was measured: the plan's log items, the queries that find them in the log store, and what
a run keeps of their answers. No verdict rests on it: a log store may be late, full, or gone.
"""
