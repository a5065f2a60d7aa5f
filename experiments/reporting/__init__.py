"""The test report, made of committed results and of what people wrote: `python -m experiments report`.

`words` has the fixed words of each language; `told` writes a figure with its name; `verdicts` judges the strategies;
`drawing` and `plots` draw; `parts` has the plan's six parts, `scenario` the third's sections; `document` puts them
together with the texts in `report/text/` (`report/text/ko/`).
"""
