project "libraries" {
  timezone = "UTC"
}

# Made once on a machine for each content of its inputs, whoever needs it first; all others wait for that one.
prepare "venv" {
  inputs = ["requirements.txt", "beaufort/**"]
  script = <<-EOT
    python3 -m venv "$CRONICLE_PREPARED"
    "$CRONICLE_PREPARED/bin/pip" install --no-index --requirement requirements.txt
  EOT
}

workflow "wind" {
  description = "How strong the wind was on a day, in words"

  schedule {
    cron  = "0 6 * * *"
    start = "2012-01-02"
    end   = "2012-01-07"
  }

  # A run at 06:00 is about the day before, when its interval began.
  task "force" {
    command = ["${prepare.venv.path}/bin/python", "force.py", run.interval.date]
  }
}
