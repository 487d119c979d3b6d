"""One algorithm a file: arrays in, arrays out. No files, no scikit-learn, no words of DataPerf's."""
