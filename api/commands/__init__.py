"""One file for each command, or for a few that belong together; loaded when one is asked for."""

# name: its file here, and the first line of its help, which the list of all commands shows
COMMANDS = {
    "index": (
        "index",
        "Index photo folders, caption files (.jsonl, .csv, Karpathy .json) or webdataset shards.",
    ),
    "watch": (
        "watch",
        "Keep a collection in step with a folder until Ctrl-C: new, changed and removed photos.",
    ),
    "search": ("search", "Find items by words, by a picture, by both, or by another item."),
    "caption": (
        "caption",
        "Say what a picture shows, from its neighbours' captions, and cite them.",
    ),
    "ask": ("ask", "Answer a question from what the collection holds, and cite it."),
    "reply": (
        "reply",
        "Answer a customer from questions that were answered before, and cite them.",
    ),
    "report": (
        "report",
        "Draft a report on a picture from the reports of similar ones, and cite them.",
    ),
    "summarise": (
        "summarise",
        "Describe an album in a few sentences: what most of its pictures show, and which ones.",
    ),
    "translate": (
        "translate",
        "Caption a picture, or translate a text, with the translations that its neighbours hold.",
    ),
    "info": ("manage", "Tell what a store holds."),
    "get": ("manage", "Show one item."),
    "delete": ("manage", "Delete items; `compact` then removes them from every file."),
    "compact": ("manage", "Remove deleted items from every file, and rebuild the index."),
    "rebuild": ("manage", "Build the index files anew from the rows."),
    "index-field": (
        "manage",
        "Speed up filters on a metadata field with an index of the database.",
    ),
    "calibrate": (
        "calibrate",
        "Find more with words: correct the pictures that every query finds.",
    ),
    "calibrate-answers": (
        "calibrate_answers",
        "Measure how sure answers are, on items whose captions or answers the collection holds.",
    ),
    "tune": ("tune", "Choose the fastest index that finds enough, by measuring with real queries."),
    "duplicates": ("duplicates", "Group pictures that are nearly the same; nothing is deleted."),
    "clusters": (
        "clusters",
        "Show what a collection holds: clusters of pictures, named by the nearest captions.",
    ),
    "re-embed": ("re_embed", "Move a collection to another encoder, such as one that you trained."),
    "train": ("train", "Train an encoder on your own pictures with captions."),
    "train-head": (
        "train_head",
        "Train the head that writes captions and answers from neighbours.",
    ),
    "doctor": ("doctor", "Check the machine and the store, and say which device is used and why."),
    "export-encoder": (
        "export",
        "Write ENCODER for a fast runtime on the CPU, and measure what it keeps.",
    ),
    "demo": (
        "demo",
        "Index the sample gallery, search it, caption and ask about photos, write a contact sheet.",
    ),
    "serve": ("serve", "Serve the HTTP API and the search page."),
    "keys": ("keys", "Make, list and revoke the API keys of a store."),
    "backup": ("backup", "Write a store, in use or not, to one file."),
    "restore": ("backup", "Make a store from a backup, in a folder that is empty or not there."),
    "completion": (
        "completion",
        "Print the script that completes commands, options and collections in a shell.",
    ),
}
