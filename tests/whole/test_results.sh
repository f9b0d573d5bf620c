#!/bin/bash
# The quick ones of the results that README quotes, with their columns in another order and their labels as words.
"$NNC_SOURCE_DIR/examples/results.py" iris optdigits penguins airline
