workflow:
  daily:
    schedule: "0 4 * * *"
