"""Parametric shifts: `base` holds the contract, `image` and `camera` those of images, `features` those of rows, `labels` those of labels.

Importing this package registers every shift in `SHIFTS`, in the order in which they are offered.
"""

from core.shifts import camera, features, image, labels
from core.shifts.base import SHIFTS, ShiftEntry, apply_label_shift, apply_shift, choose_samples

__all__ = ["SHIFTS", "ShiftEntry", "apply_label_shift", "apply_shift", "choose_samples"]

for _entry in (
    ShiftEntry("rotation", "Rotation", "Turns by up to 90°; points turn in their first two columns.", image.rotate, features.rotate),
    ShiftEntry(
        "scale",
        "Scale",
        "Shrinks images to half their size; rows are stretched in every other column by up to 2.5, and pressed together in the others.",
        image.shrink,
        features.stretch,
    ),
    ShiftEntry("blur", "Blur", "Gaussian blur, up to a tenth of the image's width.", image.blur),
    ShiftEntry(
        "noise", "Noise", "Adds Gaussian noise, up to 0.4 of the value range (0.5 units for features).", image.add_noise, features.add_noise
    ),
    ShiftEntry("contrast", "Low contrast", "Pulls pixels to the image's mean, down to 15 % of the contrast.", image.lower_contrast),
    ShiftEntry("brightness", "Brightness", "Adds up to 0.6 of the value range to every pixel.", image.brighten),
    ShiftEntry("tint", "Tint", "Puts every image into light of one random hue, fully saturated at 1.", camera.tint, colours=True),
    ShiftEntry("invert", "Invert", "Turns a share of the images into negatives: all of them at 1.", image.invert),
    ShiftEntry(
        "translation",
        "Translation",
        "Moves right and down by up to a quarter; features move by up to 1.5 standard deviations.",
        image.translate,
        features.translate,
    ),
    ShiftEntry(
        "background",
        "Photograph behind",
        "Takes the difference to a patch of a photograph; at 1 this is the recipe of MNIST-M.",
        camera.photograph,
        colours=True,
    ),
    ShiftEntry("occlusion", "Occlusion", "Hides a random rectangle of each image, up to half as high and half as wide.", image.occlude),
    ShiftEntry("jpeg", "JPEG", "Compresses ever more coarsely, down to what encoders call quality 4.", camera.jpeg),
    ShiftEntry(
        "missing",
        "Missing values",
        "Loses up to 60 % of all values; the mean of the column takes their place.",
        features=features.lose_values,
    ),
    ShiftEntry(
        "selection",
        "Selection",
        "Covariate shift: rows with high values in the first column become rare, down to one in 150. What a row's class is stays.",
        choose=features.select,
    ),
    ShiftEntry(
        "class-prior",
        "Class prior",
        "Label shift: later classes become rare, the last one down to a tenth. What each class looks like stays.",
        train_labels=labels.class_prior,
        test_labels=labels.class_prior,
    ),
    ShiftEntry(
        "label-noise",
        "Label noise",
        "Up to half of the training labels are wrong. Held-out labels stay right.",
        train_labels=labels.label_noise,
    ),
):
    SHIFTS.add(_entry)
