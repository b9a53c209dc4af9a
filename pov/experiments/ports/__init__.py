"""What trials work with: ports, each taking the stage it works on. The toolbox holds one of each."""
