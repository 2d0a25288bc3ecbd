"""What a sample is before it is a number: texts, sounds, columns (`raw`), and how they become one (`hashing`, `spectrogram`, `drawing`)."""
