"""The recorder: follows what a FileStreamSinkConnector writes, and writes down who handled which record, and when.

The sink knows nothing of colours, epochs and record logs; the recorder stands beside it and turns each line of its
files into a line of the consumed format. One file is one worker's: its name without the suffix is the worker's pod.

| module | what is in it |
| --- | --- |
| `line` | a line of the sink, understood: pure |
| `tail` | the whole lines that a file has got, by their place; a file that shrinks or is replaced is an error |
| `trail` | one file and its log: from where the log ends, one line for each, in the order of the file |
| `recorder` | all files; the mark that the agent sets when the connector stands |
| `figures` | how late lines are seen, and how many there were |
| `settings`, `__main__` | what starts it |

| thread | runs | owns |
| --- | --- | --- |
| recorder | `recorder.Recorder` | its turn: it looks again and again; files and logs belong to whoever has the lock |
| one per HTTP request | a mark, a scrape | nothing: a mark follows the files to their ends, under the same lock |

*When a line was seen* is later than when it was written, by at most the time since the look before: that bound is
measured for every line (`late`), and its maximum is the clock error that a judge of these logs has to be told.
"""
