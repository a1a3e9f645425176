# This file makes the folder a Cronicle project. Workflows may stand here or in any other .hcl file below this folder.
#
#   cronicle validate                      is everything right?
#   cronicle graph hello                   what depends on what
#   cronicle plan                          what a deployment would change (of what is committed)
#   cronicle apply                         deploy it
#   cronicle run hello                     run it now
#   cronicle backfill hello --from 2026-01-01 --to 2026-01-07

project "hello" {
  timezone = "UTC" # schedules mean times of this zone
}

workflow "hello" {
  description = "Look around, then say what there is"

  # Every day at 06:30. Each such moment is a tick; a run computes for a tick, whenever it is executed.
  schedule {
    cron = "30 6 * * *"
  }

  # A task is a command. Exit code 0 is success.
  task "look" {
    command = ["./look.sh"]

    retry {
      attempts = 3
      delay    = "5s"
    }
  }

  # It uses an output of `look`, and so it comes after it.
  task "say" {
    env = {
      FILES = task.look.output.files
    }
    script = <<-EOT
      echo "On $CRONICLE_DATE there were $FILES files" | tee "$CRONICLE_DATA/$CRONICLE_DATE.txt"
    EOT
  }
}
