"""What any application needs to be switched: its lifecycle, the commands to it, the faults that can be injected."""
