"""One algorithm a file, one idea a folder: arrays in, arrays out. No files, no scikit-learn, no words of DataPerf's."""
